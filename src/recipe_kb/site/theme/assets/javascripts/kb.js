/* Links to the other language keep the place on the page, and what is chosen in the picker. */
document.addEventListener("click", function (event) {
  var link = event.target.closest && event.target.closest("a.kb-language")
  if (!link) return
  var chosen = document.querySelector("form.kb-picker") ? location.search : ""
  link.href = link.href.split(/[?#]/)[0] + chosen + location.hash
})

/* On the page that search leads to, the theme marks what stands there as it was typed; this marks other spellings. */
;(function () {
  var typed = (new URLSearchParams(location.search).get("h") || "").toLowerCase().normalize("NFC").split(/\s+/).filter(Boolean)
  var content = document.querySelector("article.md-content__inner")
  if (!typed.length || !content) return

  function fold(word) {
    return word.toLowerCase().replace(/đ/g, "d").normalize("NFD").replace(/[\u0300-\u036f]/g, "")
  }

  function isOther(word) {
    return typed.some(function (one) { return fold(word).indexOf(fold(one)) === 0 && word.toLowerCase().indexOf(one) < 0 })
  }

  var walker = document.createTreeWalker(content, NodeFilter.SHOW_TEXT), nodes = []
  while (walker.nextNode()) nodes.push(walker.currentNode)
  nodes.forEach(function (node) {
    var words = node.data.split(/([\p{L}\p{M}\p{N}]+)/u)
    if (node.parentElement.closest("svg, script, style, select") || !words.some(isOther)) return
    node.replaceWith.apply(node, words.map(function (word) {
      if (!word || !isOther(word)) return word
      var mark = document.createElement("mark")
      mark.textContent = word
      return mark
    }))
  })
})()

/* A guide's table that is wider than a phone becomes cards there; tables of the knowledge base are written as such. */
;(function () {
  var phone = matchMedia("(max-width: 37.5em)")
  var tables = [].filter.call(document.querySelectorAll("article table:not([class])"), function (table) {
    return !table.closest(".kb-scroll") && table.tHead && table.rows[0].cells.length > 2
  })

  function stack() {
    tables.forEach(function (table) {
      var room = table.closest("article").clientWidth
      if (!phone.matches || table.scrollWidth <= room || table.closest(".kb-stack")) return
      var names = [].map.call(table.rows[0].cells, function (cell) { return cell.textContent.trim() })
      ;[].slice.call(table.rows, 1).forEach(function (row) {
        ;[].forEach.call(row.cells, function (cell, column) { if (column && names[column]) cell.dataset.label = names[column] })
      })
      var box = document.createElement("div")
      box.className = "kb-stack"
      table.replaceWith(box)
      box.append(table)
    })
  }

  stack()
  phone.addEventListener("change", stack)
})()
