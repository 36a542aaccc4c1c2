/** The document at the left, what it makes of the message at the right, tried anew shortly after each change. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Alert, Card, Col, Flex, Row, Typography } from "antd";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { MappingProblem, MappingTrial } from "../../../../domain/operations/views-mappings.ts";
import { post } from "../../api/client.ts";
import { DiffLines } from "../../parts/diff-lines.tsx";
import { Problem } from "../../parts/problem.tsx";
import { diffed } from "./diffed.ts";
import { DocumentCard, select, useSettled } from "./document-box.tsx";
import { TextBlock } from "./message.tsx";
import { ProblemTable } from "./problems.tsx";
import { SaveExample } from "./save-example.tsx";

interface Props {
  readonly id: string;
  readonly stored: string;
  readonly messageId: string;
  readonly editable: boolean;
}

export function Workbench({ id, stored, messageId, editable }: Props) {
  const { t } = useTranslation("mappings");
  const [text, setText] = useState(stored);
  const settled = useSettled(text);
  const box = useRef<HTMLTextAreaElement>(null);
  const changed = text !== stored;
  const trial = useQuery({
    queryKey: [`/mappings/${id}/try`, { messageId, settled }],
    queryFn: () => post<MappingTrial>(`/mappings/${id}/try`, { messageId, document: settled }),
    enabled: messageId !== "",
    placeholderData: keepPreviousData,
    retry: false,
  });
  return (
    <Row gutter={12}>
      <Col xs={24} lg={12}>
        <DocumentCard id={id} stored={stored} text={text} onChange={setText} box={box} />
      </Col>
      <Col xs={24} lg={12}>
        <Card
          size="small"
          title={t("events")}
          extra={
            editable &&
            messageId !== "" && <SaveExample id={id} from={{ messageId }} name={`from-message-${messageId.slice(-6)}`} changed={changed} />
          }
        >
          {messageId === "" && <Typography.Text type="secondary">{t("try.hint")}</Typography.Text>}
          <Problem error={trial.error} />
          {trial.data !== undefined && (
            <Outcome trial={trial.data} changed={changed} show={(problem) => select(box, text, problem)} text={text} />
          )}
        </Card>
      </Col>
    </Row>
  );
}

const shown = (events: MappingTrial["events"]): string => JSON.stringify(events, null, 2);

function Outcome({
  trial,
  changed,
  show,
  text,
}: {
  readonly trial: MappingTrial;
  readonly changed: boolean;
  readonly show: (problem: MappingProblem) => void;
  readonly text: string;
}) {
  const { t } = useTranslation("mappings");
  const { stage, problems, events, stored } = trial;
  const [now, before] = [shown(events), shown(stored)];
  return (
    <Flex vertical gap="small">
      <Alert
        type={stage === "done" ? "success" : "error"}
        showIcon
        role="status"
        title={t(`stage.${stage}`, { n: stage === "done" ? events.length : problems.length })}
        description={trial.case}
      />
      {problems.length > 0 && <ProblemTable problems={problems} show={show} text={text} />}
      {stage === "done" && !changed && <TextBlock text={now} label={t("events")} maxHeight={440} />}
      {stage === "done" && changed && now === before && (
        <>
          <Typography.Text type="secondary">{t("events.same")}</Typography.Text>
          <TextBlock text={now} label={t("events")} maxHeight={400} />
        </>
      )}
      {stage === "done" && changed && now !== before && (
        <>
          <Typography.Text strong>{t("events.diff")}</Typography.Text>
          <DiffLines lines={diffed(before, now)} label={t("events.diff")} />
        </>
      )}
    </Flex>
  );
}
