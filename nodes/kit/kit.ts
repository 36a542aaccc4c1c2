/** The editor's half of the kit is kit.html; Node-RED only loads it beside a module. The runtime half is used by each node's own file. */
export default function kit(): void {
  // Nothing to register: the nodes do that themselves.
}
