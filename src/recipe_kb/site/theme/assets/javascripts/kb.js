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
