/** Half of the seeded simulation (test/fakes/simulation.ts): destinations that do again whatever they are told. The other half runs beside it. */
import { simulatorTest } from "../../test/fakes/simulation-rules.ts";

simulatorTest(2_500, { duplicates: "inquiry", naive: true });
simulatorTest(2_500, { duplicates: "none", naive: true }, true);
