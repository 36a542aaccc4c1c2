/** Half of the seeded simulation (test/fakes/simulation.ts): destinations that know what they have done. The other half runs beside it. */
import { simulatorTest } from "../../test/fakes/simulation-rules.ts";

simulatorTest(2_500, { duplicates: "by-key", naive: false });
simulatorTest(2_500, { duplicates: "by-reference", naive: false });
