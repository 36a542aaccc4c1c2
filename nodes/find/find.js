// Node-RED finds find.html and the locales by the name of a .js file; the node itself is TypeScript, run as it is.
export { default } from "./find.ts";
