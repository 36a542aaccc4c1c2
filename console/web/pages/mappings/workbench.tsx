/** The document at the left, what it makes of the message at the right, tried anew shortly after each change. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Alert, Button, Card, Col, Flex, Row, Typography } from "antd";
import { type RefObject, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { MappingProblem, MappingTrial } from "../../../../domain/operations/views-mappings.ts";
import { post } from "../../api/client.ts";
import { DiffLines } from "../../parts/diff-lines.tsx";
import { Problem } from "../../parts/problem.tsx";
import { diffed } from "./diffed.ts";
import { TextBlock } from "./message.tsx";
import { rangeOf } from "./places.ts";
import { ProblemTable } from "./problems.tsx";
import { SaveExample } from "./save-example.tsx";

/** After the last key. */
const SETTLE_MS = 400;
const LINE_PX = 18;

interface Props {
  readonly id: string;
  readonly stored: string;
  readonly messageId: string;
  readonly editable: boolean;
}

/** What was typed, once nobody has typed for a while. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
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
        <Card
          size="small"
          title={t("document")}
          extra={
            <Flex gap="small">
              <Button size="small" disabled={!changed} onClick={() => setText(stored)}>
                {t("reset")}
              </Button>
              <Button size="small" onClick={() => void navigator.clipboard.writeText(text)}>
                {t("copy")}
              </Button>
            </Flex>
          }
        >
          {changed && <Alert type="warning" showIcon title={t("changed", { id })} style={{ marginBottom: 8 }} />}
          <DocumentBox text={text} onChange={setText} box={box} />
        </Card>
      </Col>
      <Col xs={24} lg={12}>
        <Card
          size="small"
          title={t("events")}
          extra={editable && messageId !== "" && <SaveExample id={id} messageId={messageId} changed={changed} />}
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

/** Selects in the document what a problem names, and brings it into view. */
function select(box: RefObject<HTMLTextAreaElement | null>, text: string, { at, place }: MappingProblem): void {
  const range = rangeOf(text, at, place);
  if (range === undefined || box.current === null) return;
  box.current.focus();
  box.current.setSelectionRange(range.from, range.to);
  box.current.scrollTop = Math.max(0, (range.line - 4) * LINE_PX);
}

function DocumentBox({
  text,
  onChange,
  box,
}: {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly box: RefObject<HTMLTextAreaElement | null>;
}) {
  const { t } = useTranslation("mappings");
  return (
    <textarea
      ref={box}
      aria-label={t("document")}
      value={text}
      onChange={({ target }) => onChange(target.value)}
      spellCheck={false}
      wrap="off"
      className="ant-input"
      style={{
        width: "100%",
        height: 520,
        fontFamily: "monospace",
        fontSize: 12,
        lineHeight: `${LINE_PX}px`,
        resize: "vertical",
        padding: 8,
      }}
    />
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
