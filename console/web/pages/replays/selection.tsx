import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { shortId } from "./model.ts";
import "./texts.ts";
import { colon } from "../../texts/colon.ts";

export interface SelectionShown {
  readonly by?: string;
  readonly group?: string;
  readonly ids?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly state?: string;
  readonly partner?: string;
  readonly code?: string;
}

/** What was asked for, in words; a group is a link. */
export function Selection({ job }: { readonly job: Pick<ReplayJob, "of" | "selection"> }) {
  const { t } = useTranslation("replays");
  const { group, ids, since = "", until, state = "", partner, code } = job.selection as SelectionShown;
  const more = [partner, code].filter((one) => one !== undefined).join(" · ");
  if (group !== undefined)
    return (
      <>
        {t(`of.${job.of}`)}
        {colon()}
        <Link to={`/failures/${group}`}>{t("select.group", { group: shortId(group) })}</Link>
      </>
    );
  const what = ids === undefined ? t("select.since", { since: since.slice(0, 19), state }) : t("select.ids", { n: ids.length });
  const to = until === undefined ? "" : ` ${t("select.until", { until: until.slice(0, 19) })}`;
  return <>{`${t(`of.${job.of}`)}${colon()}${what}${to}${more === "" ? "" : ` · ${more}`}`}</>;
}
