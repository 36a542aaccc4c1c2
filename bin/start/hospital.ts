/** What the simulated hospital and the engine tell each other: addresses both ways, and secrets as a vendor hands them over on paper. */
import type { HospitalPartner } from "./children.ts";

type Partners = Readonly<Record<string, HospitalPartner>>;

const TELL_TIMEOUT_MS = 5_000;
const TELL_TRIES = 3;

/**
 * Addresses for HUILIU_PARTNER_URLS: `<partner>` is where it is written to (its `url`, or else the first of mllp and sftp), `<partner>.<scheme>` each further door,
 * for profiles whose files or views lie there.
 */
export function partnerUrls(partners: Partners): Record<string, string> {
  const urls: Record<string, string> = {};
  for (const [name, { url, mllp, sftp }] of Object.entries(partners)) {
    const main = url ?? mllp ?? sftp;
    if (main !== undefined) urls[name] = main;
    for (const [scheme, address] of Object.entries({ mllp, sftp })) {
      if (address !== undefined && address !== main) urls[`${name}.${scheme}`] = address;
    }
  }
  return urls;
}

/** Secrets of partners that hand over some. */
export function secretsOf(partners: Partners): Record<string, Readonly<Record<string, string>>> {
  return Object.fromEntries(Object.entries(partners).flatMap(([name, { secrets }]) => (secrets === undefined ? [] : [[name, secrets]])));
}

/** As run.json tells them: no secrets. */
export function toldPartners(partners: Partners): Record<string, Omit<HospitalPartner, "secrets">> {
  return Object.fromEntries(Object.entries(partners).map(([name, { secrets: _secrets, ...told }]) => [name, told]));
}

/** Tells every partner where the engine is (`POST <faults> {"engine": …}`). One that does not listen is named in the log and told at the next change. */
export async function tellPartners(
  partners: Partners,
  file: Readonly<Record<string, unknown>>,
  log: (line: string) => void,
): Promise<void> {
  const { token: _token, ...engine } = file; // the operator's own
  const body = JSON.stringify({ engine });
  const tell = async (name: string, faults: string): Promise<void> => {
    for (let left = TELL_TRIES; ; left -= 1) {
      try {
        const answer = await fetch(faults, { method: "POST", body, signal: AbortSignal.timeout(TELL_TIMEOUT_MS) });
        const text = await answer.text();
        if (!answer.ok) throw new Error(text);
        return;
      } catch (error) {
        if (left > 1) continue;
        log(`the hospital's ${name} could not be told where the engine is: ${error instanceof Error ? error.message : String(error)}`);
        return;
      }
    }
  };
  await Promise.all(Object.entries(partners).map(([name, { faults }]) => tell(name, faults)));
}
