/** The two-person rule of a job: why it needs a second person, what exactly is approved, and a link for a colleague. Own requests cannot be approved, and that is said before. */
import { Alert, Card, Descriptions, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";
import { useMe } from "../../api/me.ts";
import { Copyable } from "../../parts/copyable.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import { colon } from "../../texts/colon.ts";
import { useReplayTerms } from "../failures/replay-button.tsx";
import { JobCommand } from "./commands.tsx";
import { samePerson, willNeed } from "./model.ts";
import { needWords } from "./need-words.ts";
import { Selection } from "./selection.tsx";

/** The address of this page for somebody else. */
const linkOf = (path: string): string => new URL(path, window.location.origin).href;

export function Approval({ job, deeds }: { readonly job: ReplayJob; readonly deeds: Deeds }) {
  const { t } = useTranslation("replays");
  const me = useMe();
  const limits = useReplayTerms().data?.approval;
  const { approval, preview } = job;
  if (job.state === "previewed") {
    const needed = limits === undefined ? [] : willNeed(preview, limits);
    if (needed.length === 0) return null;
    return (
      <Alert type="info" showIcon style={{ marginBottom: 12 }} title={t("approval.willNeed", { why: needWords(t, needed, limits) })} />
    );
  }
  if (approval.by !== undefined)
    return (
      <Alert
        type="success"
        showIcon
        style={{ marginBottom: 12 }}
        title={
          <>
            {t("approval.by", { by: approval.by })} <Moment at={approval.at} />
            {colon()}
            {approval.reason}
          </>
        }
      />
    );
  if (job.state !== "awaiting-approval") return null;
  const own = samePerson(me.name, job.requestedBy);
  return (
    <Card size="small" title={t("approval.title")} style={{ marginBottom: 12 }}>
      <Flex vertical gap="small">
        <Alert type="warning" showIcon title={`${t("approval.waiting")} ${needWords(t, approval.needed, limits)}`} />
        <Typography.Text>{t("approval.what")}</Typography.Text>
        <Descriptions
          size="small"
          bordered
          column={2}
          items={[
            { key: "selection", label: t("job.selection"), children: <Selection job={job} /> },
            { key: "planned", label: t("preview.planned"), children: preview.planned },
            { key: "money", label: t("preview.money"), children: <Fen value={preview.fen} /> },
            { key: "by", label: t("job.by"), children: `${job.requestedBy}${colon()}${job.reason}` },
            { key: "hash", label: t("job.hash"), span: 2, children: <Copyable text={job.hash} /> },
          ]}
        />
        {own ? (
          <>
            <Alert type="info" showIcon title={t("approval.own")} />
            <Flex gap="small" align="center">
              <Typography.Text>{t("approval.link")}</Typography.Text>
              <Copyable text={linkOf(`/replays/${job.id}`)} />
            </Flex>
          </>
        ) : (
          <div>
            <JobCommand job={job} command="approve" deeds={deeds} />
          </div>
        )}
      </Flex>
    </Card>
  );
}
