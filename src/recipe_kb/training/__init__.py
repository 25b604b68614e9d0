"""What a probe runs and a memory trace follows: the network, its data, the loop. Building and running are apart."""
