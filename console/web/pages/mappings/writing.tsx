/** An outbound document at the left, what it writes at the right: the bytes, what is wrong at its place, how it differs from the stored document and from what was sent. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Alert, Card, Col, Collapse, Descriptions, Flex, Row, Typography } from "antd";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { MappingProblem, OutboundTrial } from "../../../../domain/operations/views-mappings.ts";
import { post } from "../../api/client.ts";
import { DiffLines } from "../../parts/diff-lines.tsx";
import { Problem } from "../../parts/problem.tsx";
import { diffed } from "./diffed.ts";
import { DocumentCard, select, useSettled } from "./document-box.tsx";
import { laidOut } from "./laid-out.ts";
import { TextBlock } from "./message.tsx";
import { ProblemTable } from "./problems.tsx";
import { SaveExample } from "./save-example.tsx";
import { sourceOf } from "./source.tsx";

interface Props {
  readonly id: string;
  readonly stored: string;
  /** As it stands in the address. */
  readonly source: string;
  readonly editable: boolean;
}

export function WritingBench({ id, stored, source, editable }: Props) {
  const { t } = useTranslation("mappings");
  const [text, setText] = useState(stored);
  const settled = useSettled(text);
  const box = useRef<HTMLTextAreaElement>(null);
  const changed = text !== stored;
  const from = sourceOf(source);
  const trial = useQuery({
    queryKey: [`/mappings/${id}/write`, { source, settled }],
    queryFn: () => post<OutboundTrial>(`/mappings/${id}/write`, { ...from, document: settled }),
    enabled: from !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const keep = editable && from !== undefined && !("example" in from) ? from : undefined;
  const name = `from-${source.startsWith("event:") ? "event" : "write-back"}-${source
    .slice(-6)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "0")}`;
  return (
    <Row gutter={12}>
      <Col xs={24} lg={12}>
        <DocumentCard id={id} stored={stored} text={text} onChange={setText} box={box} />
      </Col>
      <Col xs={24} lg={12}>
        <Card
          size="small"
          title={t("written")}
          extra={keep !== undefined && <SaveExample id={id} from={keep} name={name} changed={changed} />}
        >
          {from === undefined && <Typography.Text type="secondary">{t("write.hint")}</Typography.Text>}
          <Problem error={trial.error} />
          {trial.data !== undefined && (
            <Written
              trial={trial.data}
              changed={changed}
              show={(problem) => select(box, text, problem)}
              text={text}
              isExample={source.startsWith("example:")}
            />
          )}
        </Card>
      </Col>
    </Row>
  );
}

interface WrittenProps {
  readonly trial: OutboundTrial;
  readonly changed: boolean;
  readonly show: (problem: MappingProblem) => void;
  readonly text: string;
  readonly isExample: boolean;
}

function Written({ trial, changed, show, text, isExample }: WrittenProps) {
  const { t } = useTranslation("mappings");
  const { stage, problems, body, codec, event, hex } = trial;
  const count = stage === "done" ? (trial.request?.bytes ?? 0) : problems.length;
  const more = [
    ...(hex === undefined ? [] : [{ key: "hex", label: t("hex"), children: <TextBlock text={hex} label={t("hex")} maxHeight={160} /> }]),
    ...(event === undefined
      ? []
      : [
          {
            key: "event",
            label: t("event.used", { type: event.type }),
            children: <TextBlock text={JSON.stringify(event.event, null, 2)} label={t("event.used", { type: event.type })} />,
          },
        ]),
  ];
  return (
    <Flex vertical gap="small">
      <Alert
        type={stage === "done" ? "success" : "error"}
        showIcon
        role="status"
        title={t(`write.${stage}`, { n: count })}
        description={t("partner", { name: trial.partner })}
      />
      {problems.length > 0 && <ProblemTable problems={problems} show={show} text={text} />}
      <RequestFacts trial={trial} />
      {body !== undefined && <TextBlock text={laidOut(body, codec)} label={t("written")} maxHeight={360} />}
      {body !== undefined && changed && trial.stored !== undefined && (
        <Compared title={t("diff.stored")} same={t("same.stored")} before={trial.stored} after={body} codec={codec} />
      )}
      {body !== undefined && trial.sent !== undefined && (
        <Compared
          title={t(isExample ? "diff.expected" : "diff.sent")}
          same={t(isExample ? "same.expected" : "same.sent")}
          before={trial.sent}
          after={body}
          codec={codec}
        />
      )}
      {more.length > 0 && <Collapse size="small" items={more} />}
    </Flex>
  );
}

function RequestFacts({ trial: { request } }: { readonly trial: OutboundTrial }) {
  const { t } = useTranslation("mappings");
  if (request === undefined) return null;
  const { method, path, contentType, headers, amount, serial } = request;
  const rows = [
    { key: "request", label: t("request"), children: `${method} ${path}` },
    { key: "type", label: "Content-Type", children: contentType },
    ...Object.entries(headers).map(([name, value]) => ({ key: name, label: name, children: value })),
    ...(amount === undefined ? [] : [{ key: "amount", label: t("amount"), children: amount }]),
    ...(serial === undefined ? [] : [{ key: "serial", label: t("serial"), children: serial }]),
  ];
  return <Descriptions size="small" column={1} items={rows} />;
}

interface ComparedProps {
  readonly title: string;
  readonly same: string;
  readonly before: string;
  readonly after: string;
  readonly codec: string;
}

function Compared({ title, same, before, after, codec }: ComparedProps) {
  if (before === after) return <Typography.Text type="secondary">{same}</Typography.Text>;
  return (
    <>
      <Typography.Text strong>{title}</Typography.Text>
      <DiffLines lines={diffed(laidOut(before, codec), laidOut(after, codec))} label={title} />
    </>
  );
}
