// Ask the search worker that the site ships, as the theme does: node search_worker.mjs FOLDER_OF_A_LANGUAGE < queries
// Prints one line of JSON per query: the pages found, best first.
import fs from "node:fs"
import path from "node:path"
import vm from "node:vm"

const folder = process.argv[2]
const workers = path.join(folder, "assets/javascripts/workers")
const shipped = fs.readdirSync(workers).find((name) => /^search\..*\.min\.js$/.test(name))
let onMessage, answer
const self = { console: { ...console, warn() {} }, lunr: undefined, performance, setTimeout, clearTimeout }
self.self = self
self.globalThis = self
self.addEventListener = (_name, listener) => { onMessage = listener }
self.postMessage = (message) => answer(message)
const context = vm.createContext(self)
self.importScripts = (...names) => names.forEach((name) =>
  vm.runInContext(fs.readFileSync(path.join(workers, name), "utf8"), context))
vm.runInContext(fs.readFileSync(path.join(workers, shipped), "utf8"), context)

const send = (data) => new Promise((resolve) => { answer = resolve; onMessage({ data }) })
const index = JSON.parse(fs.readFileSync(path.join(folder, "search/search_index.json"), "utf8"))
await send({ type: 0, data: { ...index, options: { suggest: true } } })
for (const query of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const reply = await send({ type: 2, data: query })
  const found = reply.data.items.map((group) => group.map((one) => ({ page: one.location, title: one.title })))
  console.log(JSON.stringify(found))
}
