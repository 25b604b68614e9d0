/* The picker: a form whose state is the address, answered from the files under api/. The page works without it. */
(function () {
  "use strict"
  var form = document.querySelector("form.kb-picker"), answer = document.getElementById("answer")
  if (!form || !answer || !window.fetch) return
  var words = JSON.parse(form.dataset.words), lengths = JSON.parse(form.dataset.lengths)
  var forms = JSON.parse(form.dataset.forms)
  var NAMES = ["gpu", "model", "tasks", "max_length", "method", "goal"]
  var USUAL = { tasks: "1", max_length: null, method: "full", goal: "balanced" }
  var LONGEST_USUAL = 512, MIB_PER_GIB = 1024, SHOWN_CARDS = 4
  var files = {}, turn = 0

  function read(path, kind) {
    var key = path + kind
    if (!files[key]) files[key] = fetch(form.dataset.api + path).then(function (reply) {
      if (!reply.ok) throw new Error(reply.status)
      return reply[kind]()
    })
    return files[key]
  }

  function asked() {
    var found = {}
    NAMES.forEach(function (name) { found[name] = form.elements[name].value })
    return found
  }

  /* Elements are made one by one: whatever the data hold is text. */
  function make(tag, inner, attributes) {
    var element = document.createElement(tag)
    Object.keys(attributes || {}).forEach(function (name) { element.setAttribute(name, attributes[name]) })
    ;[].concat(inner === undefined ? [] : inner).forEach(function (part) {
      element.append(part instanceof Node ? part : String(part))
    })
    return element
  }

  function commandFor(cell) {
    var bare = /^vram-(\d+)gb$/.exec(cell.gpu), line = "kb recipe " + (bare ? "--vram " + bare[1] : "--gpu " + cell.gpu)
    line += " --model " + cell.model + " --tasks " + cell.tasks
    var usual = Math.min(LONGEST_USUAL, Math.max.apply(null, lengths[cell.model]))
    if (Number(cell.max_length) !== usual) line += " --max-length " + cell.max_length
    if (cell.method !== USUAL.method) line += " --method " + cell.method
    if (cell.goal !== USUAL.goal) line += " --goal " + cell.goal
    return line
  }

  function listing(text) {
    var copy = make("button", words.copy, { type: "button", "class": "kb-copy" })
    copy.addEventListener("click", function () {
      navigator.clipboard.writeText(text).then(function () { copy.textContent = words.copied })
    })
    return make("div", [make("pre", make("code", text), { tabindex: "0" }), copy], { "class": "kb-listing" })
  }

  function table(settings) {
    var rows = Object.keys(settings).map(function (name) {
      return make("tr", [make("th", make("code", name), { scope: "row" }), make("td", make("code", settings[name]))])
    })
    var head = make("thead", make("tr", [make("th", words.setting, { scope: "col" }), make("th", words.value, { scope: "col" })]))
    return make("div", make("table", [head, make("tbody", rows)]), { "class": "kb-scroll" })
  }

  function memory(peakMib, limitMib) {
    var share = peakMib / limitMib
    var text = words.of.replace("{peak}", gib(peakMib)).replace("{limit}", gib(limitMib))
    return make("p", [words.memory + ": " + text + " ", make("meter", undefined, {
      min: 0, max: 1, value: Math.min(1, share), high: 0.95, optimum: 0.5, "aria-label": words.memory,
    })])
  }

  function gib(mib) {
    return (mib / MIB_PER_GIB).toLocaleString(document.documentElement.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 })
  }

  function typed(value) {
    if (typeof value === "boolean") return value ? "true" : "false"
    if (typeof value === "number" && value && Math.abs(value) < 1e-3) return value.toExponential().replace(/e([-+])0*/, "e$1")
    return String(value)
  }

  function typedAll(settings) {
    var found = {}
    Object.keys(settings).forEach(function (name) { found[name] = typed(settings[name]) })
    return found
  }

  function command(cell) {
    return [make("p", make("strong", words.command)), listing(commandFor(cell))]
  }

  /* A text is read when it is opened. */
  function opening(name, reading) {
    var opened = make("details", make("summary", name))
    opened.addEventListener("toggle", function () {
      if (opened.open && !opened.querySelector(".kb-listing")) reading().then(function (text) { opened.append(listing(text)) })
    })
    return opened
  }

  function exported(recipe) {
    var impossible = forms[recipe.id] || []
    return forms[""].filter(function (name) { return impossible.indexOf(name) < 0 }).map(function (name) {
      return opening(name, function () { return read("recipes/" + recipe.id + "." + name, "text") })
    }).concat(opening("json", function () { return read("recipes/" + recipe.id + ".json", "text") }))
  }

  function kept(recipe, cell) {
    var id = recipe.id
    return read("recipes/" + id + ".json", "text").then(function (text) {
      var whole = JSON.parse(text)
      return [
        make("p", [make("strong", words.kept), ": ", make("a", id, { href: form.dataset.recipes + id + "/" }), " ",
          make("span", whole.status, { "class": "kb-badge kb-" + whole.status })]),
        whole.refuted ? make("p", words.refuted + ": " + whole.refuted.reason) : "",
        memory(whole.memory.peak_reserved_bytes / 1048576, whole.memory.limit_bytes / 1048576),
      ].concat(command(cell), table(typedAll(whole.settings)), make("p", make("strong", words.exports)), exported(recipe))
    })
  }

  function derived(file, cell) {
    var byLength = file.cells[cell.method] || {}, byCard = byLength[cell.max_length]
    if (!byCard || !(cell.gpu in byCard) || cell.goal !== "balanced") return [make("p", words.ask)].concat(command(cell))
    if (!byCard[cell.gpu]) return nothing(file, cell, byCard).concat(command(cell))
    var row = {}
    file.columns.forEach(function (name, position) { row[name] = byCard[cell.gpu][position] })
    return [make("p", words.derived), memory(row.peak_mib, row.limit_mib)].concat(command(cell), table(typedAll({
      per_device_train_batch_size: row.batch,
      gradient_accumulation_steps: row.accumulation,
      effective_batch_size: row.batch * row.accumulation,
      learning_rate: row.learning_rate,
      precision: row.precision,
      gradient_checkpointing: row.checkpointing,
      optim: row.optim,
    })), make("p", make("strong", words.exports)), make("p", words.write),
    listing(forms[""].map(function (name) { return commandFor(cell) + " --format " + name }).join("\n")))
  }

  function nothing(file, cell, byCard) {
    var methods = Object.keys(file.cells).filter(function (method) {
      return ((file.cells[method][cell.max_length] || {})[cell.gpu])
    })
    var limit = file.columns.indexOf("limit_mib")
    var cards = Object.keys(byCard).filter(function (gpu) { return byCard[gpu] }).sort(function (first, second) {
      return byCard[first][limit] - byCard[second][limit]
    })
    return [make("p", make("strong", words.nothing))].concat(
      methods.length ? make("p", [words.methods + " "].concat(choices("method", methods))) : [],
      cards.length ? make("p", [words.cards + " "].concat(choices("gpu", cards.slice(0, SHOWN_CARDS)))) : [])
  }

  function choices(name, values) {
    return values.map(function (value) {
      var button = make("button", value, { type: "button", "class": "kb-choice" })
      button.addEventListener("click", function () {
        form.elements[name].value = value
        change()
        form.elements[name].focus()
      })
      return button
    })
  }

  function answers(recipes, cell) {
    return recipes.recipes.find(function (recipe) {
      var tasks = [].concat(recipe.tasks), low = tasks[0], high = tasks[tasks.length - 1]
      return recipe.gpu === cell.gpu && recipe.model === cell.model && recipe.method === cell.method &&
        recipe.goal === cell.goal && recipe.max_length === Number(cell.max_length) && low <= cell.tasks && cell.tasks <= high
    })
  }

  function show() {
    var cell = asked(), mine = ++turn
    if (!form.elements.tasks.checkValidity()) return
    var longest = Math.max.apply(null, lengths[cell.model])
    read("recipes.json", "json").then(function (recipes) {
      var recipe = answers(recipes, cell)
      if (recipe) return kept(recipe, cell)
      if (Number(cell.max_length) > longest) return [make("p", words.too_long.replace("{limit}", longest))]
      return read("cells/" + cell.model + ".json", "json").then(function (file) { return derived(file, cell) })
    }).catch(function () {
      return [make("p", words.unreachable)].concat(command(cell))
    }).then(function (parts) {
      if (mine !== turn) return
      answer.replaceChildren.apply(answer, parts)
      answer.hidden = false
    })
  }

  function change() {
    var query = new URLSearchParams(asked())
    history.replaceState(null, "", location.pathname + "?" + query + location.hash)
    show()
  }

  function load() {
    new URLSearchParams(location.search).forEach(function (value, name) {
      var field = NAMES.indexOf(name) < 0 ? null : form.elements[name]
      if (!field) return
      var before = field.value
      field.value = value
      if (field.value !== value || !field.checkValidity()) field.value = before
    })
    show()
  }

  form.addEventListener("submit", function (event) { event.preventDefault() })
  form.addEventListener("input", change)
  window.addEventListener("popstate", load)
  form.hidden = false
  load()
})()
