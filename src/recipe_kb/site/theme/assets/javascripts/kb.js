/* Links to the other language keep the place on the page. */
document.addEventListener("click", function (event) {
  var link = event.target.closest && event.target.closest("a.kb-language")
  if (link && location.hash) link.href = link.href.split("#")[0] + location.hash
})
