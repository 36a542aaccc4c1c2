/** One failure group: what it means, what to do next, who is affected, what is in it, and its replays. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Card, Descriptions, Flex, Skeleton, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import type { Affected } from "../../../../domain/operations/views-failures.ts";
import type { Page as PageOf } from "../../../../domain/operations/views.ts";
import type { FailureGroup, ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { get } from "../../api/client.ts";
import { useLive } from "../../live/use-live.ts";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Figures } from "../../parts/figures.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { colon } from "../../texts/colon.ts";
import { inLanguage } from "../../texts/index.ts";
import { noReplay } from "./filters.ts";
import { GroupDeeds } from "./group-deeds.tsx";
import { GroupItems } from "./group-items.tsx";
import { ReplayButton } from "./replay-button.tsx";
import "./texts.ts";

const JOBS_LOOKED_AT = "100";
/** Patients and bills that are named beside their number. */
const AMONG = 2;

export default function Page() {
  const { id = "" } = useParams();
  const { t } = useTranslation("failures");
  useLive(["failures", "status"]);
  const deeds = useDeeds(["/failure-groups", "/replays"]);
  const group = useQuery({ queryKey: [`/failure-groups/${id}`], queryFn: () => get<FailureGroup>(`/failure-groups/${id}`) });
  const affected = useQuery({
    queryKey: [`/failure-groups/${id}/affected`],
    queryFn: () => get<Affected>(`/failure-groups/${id}/affected`),
    staleTime: 5_000,
  });
  const shown = group.data;
  if (shown === undefined)
    return (
      <>
        <PageHead title={t("title")} extra={<Link to="/failures">{t("back")}</Link>} />
        {group.error === null ? <Skeleton active /> : <Problem error={group.error} />}
      </>
    );
  const of = shown.of === "messages" ? "messages" : "write-backs";
  const no = noReplay(shown);
  return (
    <>
      <PageHead
        title={t("group.title", { code: shown.code })}
        extra={
          <>
            <Link to="/failures">{t("back")}</Link>
            <GroupDeeds group={shown} deeds={deeds} />
            <ReplayButton
              primary
              of={of}
              select={{ group: id }}
              label={t("replay")}
              deeds={deeds}
              why={no === undefined ? undefined : t(`replay.${no}`)}
            />
          </>
        }
      />
      <DeedResult deeds={deeds} />
      <Problem error={group.error} />
      <Advice group={shown} />
      <Numbers group={shown} affected={affected.data} />
      <Problem error={affected.error} />
      <Facts group={shown} />
      <GroupItems group={shown} deeds={deeds} />
      <Jobs group={shown} />
    </>
  );
}

function Advice({ group }: { readonly group: FailureGroup }) {
  const { t } = useTranslation("failures");
  return (
    <Flex vertical gap="small" style={{ marginBottom: 12 }}>
      <Alert
        type="info"
        showIcon
        title={
          <>
            {t("group.next")}
            {colon()}
            {group.next === undefined ? t("group.noNext") : inLanguage(group.next)}
          </>
        }
        description={
          group.meaning === undefined ? undefined : (
            <>
              {t("group.meaning")}
              {colon()}
              {inLanguage(group.meaning)}
            </>
          )
        }
      />
      {group.unclear > 0 && <Alert type="warning" showIcon title={t("group.unclear.told", { n: group.unclear })} />}
    </Flex>
  );
}

function Numbers({ group, affected }: { readonly group: FailureGroup; readonly affected: Affected | undefined }) {
  const { t } = useTranslation("failures");
  const atLeast = (n: number | undefined): string =>
    n === undefined ? "…" : affected?.more === true ? t("group.atLeast", { n }) : String(n);
  /** Some of them, one below the other. */
  const among = (of: { readonly shown: readonly string[] } | undefined): ReactNode =>
    of === undefined || of.shown.length === 0 ? undefined : of.shown.slice(0, AMONG).map((shown) => <div key={shown}>{shown}</div>);
  const behind = affected !== undefined && affected.lanes.behind > 0 ? <Fen value={affected.lanes.behindFen} /> : undefined;
  return (
    <Card size="small" style={{ marginBottom: 12 }}>
      <Figures
        items={[
          { title: t("group.open"), value: group.open },
          { title: t("group.parked"), value: group.parked },
          { title: t("group.unclear"), value: group.unclear },
          { title: t("group.money"), value: group.fen === undefined ? t("group.noAmount") : <Fen value={group.fen} /> },
          { title: t("group.patients"), value: atLeast(affected?.patients.count), under: among(affected?.patients) },
          { title: t("group.bills"), value: atLeast(affected?.bills.count), under: among(affected?.bills) },
          { title: t("group.blocked"), value: affected?.lanes.blocked ?? "…" },
          { title: t("group.behind"), value: affected?.lanes.behind ?? "…", under: behind },
        ]}
      />
    </Card>
  );
}

function Facts({ group }: { readonly group: FailureGroup }) {
  const { t } = useTranslation("failures");
  const example = `${group.of === "messages" ? "/messages" : "/write-backs"}/${group.example.id}`;
  return (
    <Descriptions
      size="small"
      column={2}
      bordered
      style={{ marginBottom: 12 }}
      items={[
        {
          key: "partner",
          label: t("col.partner"),
          children:
            group.of === "messages" ? (
              `${group.partner} ${group.kind ?? ""}`
            ) : (
              <>
                <Link to={`/destinations/${group.partner}`}>{group.partner}</Link> ·{" "}
                <Link to={`/destinations/${group.partner}?tab=lanes`}>{t("group.lanes")}</Link>
              </>
            ),
        },
        {
          key: "when",
          label: t("col.when"),
          children: (
            <>
              <Moment at={group.firstAt} /> / <Moment at={group.lastAt} />
            </>
          ),
        },
        { key: "reason", label: t("group.reason"), children: group.reason },
        { key: "counts", label: t("item.attempts"), children: t("group.counts", { items: group.items, failures: group.failures }) },
        { key: "example", label: t("group.example"), span: 2, children: <Link to={example}>{group.example.text}</Link> },
        { key: "owner", label: t("group.owner"), children: group.owner ?? t("nobody") },
        {
          key: "note",
          label: t("group.note"),
          children: (
            <>
              <span style={{ whiteSpace: "pre-wrap" }}>{group.note ?? ""}</span>
              {group.changedBy !== undefined && (
                <Typography.Text type="secondary">
                  {" "}
                  {t("group.changed", { by: group.changedBy })} <Moment at={group.changedAt} />
                </Typography.Text>
              )}
            </>
          ),
        },
      ]}
    />
  );
}

/** Jobs that were made of this group. */
function Jobs({ group }: { readonly group: FailureGroup }) {
  const { t } = useTranslation("failures");
  const query = { limit: JOBS_LOOKED_AT };
  const jobs = useQuery({ queryKey: ["/replays", query], queryFn: () => get<PageOf<ReplayJob>>("/replays", query) });
  const own = (jobs.data?.items ?? []).filter(({ selection }) => (selection as { readonly group?: string }).group === group.id);
  return (
    <Card size="small" title={t("group.jobs")} style={{ marginTop: 12 }}>
      <Problem error={jobs.error} />
      {own.length === 0 && <Typography.Text type="secondary">{t("group.noJobs")}</Typography.Text>}
      <Flex vertical gap={4}>
        {own.map((job) => (
          <Flex key={job.id} gap="small" align="center" wrap>
            <StateTag kind="replay" state={job.state} />
            <Moment at={job.createdAt} />
            <Typography.Text>{job.requestedBy}</Typography.Text>
            <Link to={`/replays/${job.id}`}>{job.reason}</Link>
          </Flex>
        ))}
      </Flex>
    </Card>
  );
}
