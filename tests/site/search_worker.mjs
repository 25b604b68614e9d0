// Ask the search worker that the site ships, as the theme does: node search_worker.mjs FOLDER_OF_A_LANGUAGE 
// One query per line of standard input, one line of JSON for each.
// Prints groups of a page and its sections, best first, as the theme shows them.
import fs from "node:fs"
import path from "node:path"
import readline from "node:readline"
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
for await (const query of readline.createInterface({ input: process.stdin })) {
  const reply = await send({ type: 2, data: query })
  console.log(JSON.stringify(reply.data.items))
}
