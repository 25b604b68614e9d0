model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=1e-3))
model.fit(x, y, batch_size=32, epochs=10)
