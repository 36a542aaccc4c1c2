/** What the editor offers in its fields: partners, mappings, event types and key kinds that are loaded, never typed by hand. */
import type { Engine } from "../../domain/delivery/engine.ts";
import type { Red } from "./red.ts";

/** Who may read the choices: everybody who may open the editor with a role of ours. */
export const CHOICES_PERMISSION = "huiliu.read";
const CHOICES_PATH = "/huiliu/choices";

const installed = new WeakSet<Engine>();

/** Serves `GET /huiliu/choices`, once per engine. Where the admin API is off there is nothing to serve. */
export function installChoices(red: Red, engine: Engine): void {
  if (installed.has(engine) || red.httpAdmin === undefined) return;
  installed.add(engine);
  red.httpAdmin.get(CHOICES_PATH, red.auth.needsPermission(CHOICES_PERMISSION), (_request, response) => {
    const { catalogue } = engine;
    response.json({
      partners: catalogue.partners(),
      mappings: catalogue.mappings(),
      eventTypes: catalogue.eventTypes(),
      keyKinds: catalogue.keyKinds(),
    });
  });
}
