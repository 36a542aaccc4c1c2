/** Two payloads side by side: of one format line by line, of two formats by value. */
import { diffLines } from "diff";
import { Empty, Flex, Select, Skeleton, Table, Tag, Typography } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Payload, Trace } from "../../../../domain/operations/views-inspect.ts";
import { DiffLines } from "../../parts/diff-lines.tsx";
import { Problem } from "../../parts/problem.tsx";
import { byValue, formatOf, linesOf, type Matched } from "./compare.ts";
import { keyOf, labelOf, payloadsOf, type Shown, usePayload } from "./payloads.ts";
import "./texts.ts";

/** A comparison of very different texts ends after this; the values are compared then. */
const DIFF_MS = 1_000;

export interface CompareProps {
  readonly shown: Shown;
  readonly trace: Trace;
  readonly chosen: readonly [left: string, right: string] | undefined;
  readonly choose: (chosen: readonly [left: string, right: string]) => void;
}

export function CompareView({ shown, trace, chosen, choose }: CompareProps) {
  const { t } = useTranslation("message");
  const all = useMemo(() => payloadsOf(trace), [trace]);
  const [first, second] = all;
  const of = (key: string | undefined, otherwise: Payload | undefined): Payload | undefined =>
    all.find((one) => keyOf(one) === key) ?? otherwise;
  const [left, right] = [of(chosen?.[0], first), of(chosen?.[1], second)];
  if (left === undefined || right === undefined) return <Empty description={t("compare.none")} />;
  const options = all.map((one) => ({ value: keyOf(one), label: labelOf(t, shown.detail, one) }));
  return (
    <Flex vertical gap="middle">
      <Flex wrap gap="small">
        <Select
          aria-label={t("compare.left")}
          value={keyOf(left)}
          options={options}
          onChange={(key) => choose([key, keyOf(right)])}
          style={{ minWidth: 280 }}
        />
        <Select
          aria-label={t("compare.right")}
          value={keyOf(right)}
          options={options}
          onChange={(key) => choose([keyOf(left), key])}
          style={{ minWidth: 280 }}
        />
      </Flex>
      <Difference key={`${keyOf(left)} ${keyOf(right)}`} shown={shown} left={left} right={right} />
    </Flex>
  );
}

function Difference({ shown, left, right }: { readonly shown: Shown; readonly left: Payload; readonly right: Payload }) {
  const { t } = useTranslation("message");
  const [one, other] = [usePayload(shown, left), usePayload(shown, right)];
  const lines = useMemo(() => {
    if (one.text === undefined || other.text === undefined || formatOf(one.text) !== formatOf(other.text)) return undefined;
    const parts = diffLines(linesOf(one.text), linesOf(other.text), { timeout: DIFF_MS });
    return parts?.flatMap((part) => {
      const op = part.added ? ("added" as const) : part.removed ? ("removed" as const) : ("same" as const);
      return part.value
        .replace(/\n$/, "")
        .split("\n")
        .map((text) => ({ op, text }));
    });
  }, [one.text, other.text]);
  if (one.loading || other.loading) return <Skeleton active />;
  const error = one.error ?? other.error;
  if (error !== undefined && error !== null) return <Problem error={error} />;
  if (one.text === undefined || other.text === undefined) return <Empty description={t("payload.none")} />;
  if (lines !== undefined)
    return (
      <>
        <Typography.Text type="secondary">{t("compare.lines")}</Typography.Text>
        <DiffLines lines={lines} label={t("compare.lines")} />
      </>
    );
  return <Values rows={byValue(one.text, other.text)} />;
}

function Values({ rows }: { readonly rows: readonly Matched[] }) {
  const { t } = useTranslation("message");
  const [only, setOnly] = useState("all");
  const kindOf = (row: Matched): "left" | "right" | "both" => (row.right.length === 0 ? "left" : row.left.length === 0 ? "right" : "both");
  const colors = { left: "warning", right: "processing", both: "success" } as const;
  const word = (kind: "left" | "right" | "both"): string => t(kind === "both" ? "compare.both" : `compare.only.${kind}`);
  return (
    <>
      <Flex justify="space-between" wrap gap="small" style={{ marginBottom: 8 }}>
        <Typography.Text type="secondary">{t("compare.values")}</Typography.Text>
        <Select
          aria-label={t("compare.filter")}
          value={only}
          onChange={setOnly}
          style={{ width: 140 }}
          options={[
            { value: "all", label: t("compare.all") },
            ...(["left", "right", "both"] as const).map((value) => ({ value, label: word(value) })),
          ]}
        />
      </Flex>
      <Table<Matched>
        rowKey={(row) => row.value}
        size="small"
        pagination={false}
        dataSource={rows.filter((row) => only === "all" || kindOf(row) === only)}
        columns={[
          { title: "", key: "kind", width: 110, render: (_, row) => <Tag color={colors[kindOf(row)]}>{word(kindOf(row))}</Tag> },
          { title: t("compare.value"), key: "value", render: (_, row) => <span style={{ overflowWrap: "anywhere" }}>{row.value}</span> },
          { title: t("compare.left"), key: "left", render: (_, row) => row.left.join(", ") },
          { title: t("compare.right"), key: "right", render: (_, row) => row.right.join(", ") },
        ]}
      />
    </>
  );
}
