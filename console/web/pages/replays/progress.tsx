/** How far a job is, what its canary said, and why items failed. */
import { Alert, Card, Flex, Progress, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { Figures } from "../../parts/figures.tsx";
import { progressOf } from "./model.ts";

const PARTS = ["done", "failed", "underWay", "left", "skipped", "refused", "cancelled"] as const;

export function JobProgress({ job }: { readonly job: ReplayJob }) {
  const { t } = useTranslation("replays");
  const progress = progressOf(job);
  const { failed, planned, left, percent } = progress;
  return (
    <Card size="small" title={t("progress.title")} style={{ marginBottom: 12 }}>
      <Progress
        percent={percent}
        aria-label={t("progress.title")}
        status={failed > 0 ? "exception" : job.state === "done" ? "success" : "active"}
        format={() => t("progress.of", { n: planned - left - progress.underWay, all: planned })}
      />
      <div style={{ margin: "8px 0" }}>
        <Figures items={PARTS.map((part) => ({ title: t(`progress.${part}`), value: progress[part] }))} />
      </div>
      <Flex vertical gap="small">
        <Told job={job} />
        {(job.failures ?? []).length > 0 && (
          <Flex gap={4} wrap align="center">
            {(job.failures ?? []).map(({ code, count }) => (
              <Tag key={code} color="error">
                {code} × {count}
              </Tag>
            ))}
          </Flex>
        )}
      </Flex>
    </Card>
  );
}

/** The sentence for where it stands. */
function Told({ job }: { readonly job: ReplayJob }) {
  const { t } = useTranslation("replays");
  const { done, failed, left, underWay } = progressOf(job);
  const group = (job.selection as { readonly group?: string }).group;
  switch (job.state) {
    case "marking":
    case "canary":
      return <Alert type="info" showIcon title={t("canary.running", { n: underWay })} />;
    case "stopped":
      return <Alert type="error" showIcon title={t("canary.stopped", { left })} />;
    case "running":
      return <Alert type="info" showIcon title={t("canary.good")} />;
    case "done":
      if (failed === 0 && done > 0)
        return (
          <Alert
            type="success"
            showIcon
            role="status"
            title={t(job.of === "messages" ? "progress.allMessages" : "progress.all", { n: done })}
          />
        );
      return (
        <Alert
          type={failed > 0 ? "warning" : "info"}
          showIcon
          title={t("progress.notAll", { done, failed })}
          description={group === undefined ? undefined : <Link to={`/failures/${group}`}>{t("job.group")}</Link>}
        />
      );
    default:
      return <Typography.Text type="secondary">{t("progress.notAll", { done, failed })}</Typography.Text>;
  }
}
