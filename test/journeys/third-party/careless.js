// Nodes as other people write them: each breaks one promise. Only the tests load them (test/journeys/silent-drop.test.ts).
export default function (RED) {
  const define = (type, make) =>
    RED.nodes.registerType(type, function (config) {
      RED.nodes.createNode(this, config);
      make(this, config);
    });
  define("careless-forgets-done", (node) => node.on("input", (_msg, _send, _done) => undefined));
  define("careless-throws", (node) =>
    node.on("input", (_msg, _send, _done) => {
      throw new Error("thrown in a three-parameter handler");
    }),
  );
  define("careless-rejects", (node) =>
    node.on("input", async (_msg, _send, _done) => {
      await Promise.resolve();
      throw new Error("rejected in a three-parameter handler");
    }),
  );
  define("careless-old-throws", (node) =>
    node.on("input", (_msg) => {
      throw new Error("thrown in a one-parameter handler");
    }),
  );
  define("careless-old-rejects", (node) =>
    node.on("input", async (_msg) => {
      await Promise.resolve();
      throw new Error("rejected in a one-parameter handler");
    }),
  );
  define("careless-old-sends", (node) => node.on("input", (msg) => node.send(msg)));
  define("careless-done-twice", (node) =>
    node.on("input", (msg, send, done) => {
      send(msg);
      done();
      done();
    }),
  );
  define("careless-hands-over", (node, config) =>
    node.on("input", (msg, _send, done) => {
      RED.nodes.getNode(config.to).receive(msg);
      done();
    }),
  );
}
