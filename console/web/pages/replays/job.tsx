/** One replay job: what it would do, who approves it, its canary, its progress, its items; every command says what will happen. */
import { useQuery } from "@tanstack/react-query";
import { Card, Descriptions, Skeleton, Steps } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { get } from "../../api/client.ts";
import { useLive } from "../../live/use-live.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { Approval } from "./approval.tsx";
import { JobCommands } from "./commands.tsx";
import { JobItems } from "./items.tsx";
import { isStill, STEPS, shortId, stepOf } from "./model.ts";
import { JobPreview } from "./preview.tsx";
import { JobProgress } from "./progress.tsx";
import { Selection } from "./selection.tsx";
import "./texts.ts";

const REFRESH_MS = 1_000;
const STILL_REFRESH_MS = 10_000;
const HASH_SHOWN = 16;

export default function Page() {
  const { id = "" } = useParams();
  const { t } = useTranslation("replays");
  useLive(["status", "failures"]);
  const deeds = useDeeds(["/replays", "/approvals", "/failure-groups"]);
  const path = `/replays/${id}`;
  const query = useQuery({
    queryKey: [path],
    queryFn: () => get<ReplayJob>(path),
    refetchInterval: ({ state }) => (state.data === undefined || isStill(state.data.state) ? STILL_REFRESH_MS : REFRESH_MS),
  });
  const job = query.data;
  if (job === undefined)
    return (
      <>
        <PageHead title={t("title")} extra={<Link to="/replays">{t("back")}</Link>} />
        {query.error === null ? <Skeleton active /> : <Problem error={query.error} />}
      </>
    );
  const started = job.progress !== undefined && job.state !== "previewed" && job.state !== "selecting" && job.state !== "awaiting-approval";
  const alone = started && job.approval.needed.length === 0;
  return (
    <>
      <PageHead
        title={t("job.title", { id: shortId(job.id) })}
        extra={
          <>
            <Link to="/replays">{t("back")}</Link>
            <StateTag kind="replay" state={job.state} />
            <JobCommands job={job} deeds={deeds} />
          </>
        }
      />
      <DeedResult deeds={deeds} />
      <Problem error={query.error} />
      <Steps
        size="small"
        current={stepOf(job.state)}
        status={job.state === "stopped" ? "error" : job.state === "done" ? "finish" : "process"}
        items={STEPS.map((step) => ({ title: step === "approval" && alone ? t("step.approval.none") : t(`step.${step}`) }))}
        style={{ marginBottom: 12 }}
      />
      {started && <JobProgress job={job} />}
      <Approval job={job} deeds={deeds} />
      <JobPreview job={job} />
      <Facts job={job} />
      <Card size="small" title={t("items.title")} style={{ marginTop: 12 }}>
        <JobItems job={job} />
      </Card>
    </>
  );
}

function Facts({ job }: { readonly job: ReplayJob }) {
  const { t } = useTranslation("replays");
  return (
    <Descriptions
      size="small"
      bordered
      column={2}
      style={{ marginTop: 12 }}
      items={[
        { key: "selection", label: t("job.selection"), children: <Selection job={job} /> },
        { key: "by", label: t("job.by"), children: job.requestedBy },
        { key: "reason", label: t("job.reason"), children: job.reason },
        { key: "rate", label: t("job.rate"), children: t("job.rate.value", { n: job.ratePerSecond }) },
        { key: "hash", label: t("job.hash"), children: <Copyable text={job.hash} shown={`${job.hash.slice(0, HASH_SHOWN)}…`} /> },
        {
          key: "times",
          label: t("col.created"),
          children: (
            <>
              <Moment at={job.createdAt} />
              {job.endedAt !== undefined && (
                <>
                  {" · "}
                  {t("job.ended")} <Moment at={job.endedAt} /> {job.endedBy} {job.endedWhy}
                </>
              )}
            </>
          ),
        },
      ]}
    />
  );
}
