// Node-RED finds kit.html by the name of a .js file; see kit.ts.
export { default } from "./kit.ts";
