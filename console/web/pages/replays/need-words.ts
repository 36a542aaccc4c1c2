import type { TFunction } from "i18next";
import { yuanText } from "../../parts/fen.ts";

/** The reasons for a second person, in words with the limits. `t`: of the texts of replays. */
export function needWords(
  t: TFunction<"replays">,
  needed: readonly string[],
  limits: { readonly count: number; readonly fen: string } | undefined,
): string {
  return needed
    .map((one) => t(`approval.${one}`, { n: limits?.count ?? "", money: yuanText(limits?.fen ?? "") ?? "" }))
    .join(t("approval.and"));
}
