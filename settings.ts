/**
 * The composition root (design.md section 4): reads the environment, puts the engine together, and gives Node-RED its settings. `bin/engine.ts` starts both.
 */
import { compose } from "./bin/engine/compose.ts";
import { admissionOf } from "./bin/flow-tests/release.ts";
import { releaseTrust } from "./bin/flow-tests/keys.ts";
import { runFlowTests } from "./bin/flow-tests/run.ts";
import { credentialSecretOf } from "./bin/engine/partners.ts";
import { readConfig } from "./platform/config.ts";
import { nodeRedSettings } from "./platform/node-red/settings.ts";

export const config = readConfig(process.env);
export const composition = compose(config);

export const settings = nodeRedSettings({
  root: config.root,
  dataDir: config.dataDir,
  profile: config.profile,
  engine: composition.engine,
  editorPort: config.editorPort,
  editor: config.editor === "on",
  worker: config.worker,
  credentialSecret: credentialSecretOf(config.credentialsFile),
  admission: composition.admission,
  flowTests: { run: runFlowTests, note: composition.noteDeploy },
  // Production loads what is released and passes its tests (docs/flow-tests.md).
  ...(config.profile === "production"
    ? {
        admit: admissionOf(
          { ...config, run: runFlowTests, trust: releaseTrust(config) },
          (level, text, detail) => composition.log[level](detail ?? {}, text),
          composition.flowsRefused,
        ),
      }
    : {}),
  log: (level, text, detail) => composition.log[level](detail ?? {}, text),
});

// Node-RED calls require() on this file and needs a plain object.
export { settings as "module.exports" };
