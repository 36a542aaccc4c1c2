/**
 * Mappings: a stored message (or, of a document that writes, a write-back, an event or an example), the document running live on it, problems at their place, an example
 * made of it. Everything chosen is in the address.
 */
import { useQuery } from "@tanstack/react-query";
import { Card, Col, Flex, Row, Select, Space, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import type { MappingList, MappingRow, MappingText } from "../../../../domain/operations/views-mappings.ts";
import type { MessagePage } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";
import { MessageIdBox, MessageText } from "./message.tsx";
import { SourceChoice } from "./source.tsx";
import { Workbench } from "./workbench.tsx";
import { WritingBench } from "./writing.tsx";
import "./texts.ts";

const OFFERED = 20;

export default function Page() {
  const { t } = useTranslation("mappings");
  const [params, setParams] = useSearchParams();
  const [id, messageId, source] = [params.get("mapping") ?? "", params.get("message") ?? "", params.get("from") ?? ""];
  const list = useQuery({ queryKey: ["/mappings", {}], queryFn: () => get<MappingList>("/mappings") });
  const document = useQuery({ queryKey: [`/mappings/${id}`, {}], queryFn: () => get<MappingText>(`/mappings/${id}`), enabled: id !== "" });
  const choose = (next: { readonly mapping?: string; readonly message?: string; readonly from?: string }): void => {
    // What one document is run on is not another's.
    const chosen = { mapping: id, message: messageId, ...(next.mapping === undefined ? { from: source } : {}), ...next };
    setParams(Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== "")));
  };
  const row = list.data?.items.find((one) => one.id === id);
  return (
    <>
      <PageHead title={t("title")} />
      <Problem error={list.error ?? document.error} />
      <Flex wrap gap="middle" style={{ marginBottom: 12 }}>
        <Space orientation="vertical" size={2}>
          <label htmlFor="mapping">{t("mapping")}</label>
          <Select
            id="mapping"
            showSearch={{ optionFilterProp: "label" }}
            style={{ width: 360 }}
            value={id === "" ? null : id}
            placeholder={t("mapping.choose")}
            options={groupsOf(list.data?.items ?? [])}
            onChange={(mapping: string) => choose({ mapping })}
            loading={list.isPending}
          />
        </Space>
        {row?.direction === "inbound" && <MessageChoice row={row} messageId={messageId} choose={(message) => choose({ message })} />}
        {row?.direction === "outbound" && document.data?.writes !== undefined && (
          <SourceChoice writes={document.data.writes} value={source} choose={(from) => choose({ from })} />
        )}
      </Flex>
      {row !== undefined && <About row={row} editable={list.data?.editable === true} />}
      {row?.direction === "outbound" && document.data !== undefined && (
        <WritingBench key={id} id={id} stored={document.data.text} source={source} editable={list.data?.editable === true} />
      )}
      {row?.direction === "inbound" && document.data !== undefined && (
        <Workbench key={id} id={id} stored={document.data.text} messageId={messageId} editable={list.data?.editable === true} />
      )}
      {messageId !== "" && row?.direction === "inbound" && (
        <Row style={{ marginTop: 12 }}>
          <Col span={24}>
            <Card size="small" title={t("message.text")} extra={<Link to={`/messages/${messageId}`}>{t("message.open")}</Link>}>
              <MessageText id={messageId} />
            </Card>
          </Col>
        </Row>
      )}
    </>
  );
}

function groupsOf(rows: readonly MappingRow[]) {
  return [...Map.groupBy(rows, (row) => row.vendor)].map(([vendor, own]) => ({
    label: `${vendor} ${own[0] === undefined ? "" : inLanguage(own[0].vendorName)}`,
    options: own.map((row) => ({ value: row.id, label: row.id })),
  }));
}

function About({ row, editable }: { readonly row: MappingRow; readonly editable: boolean }) {
  const { t } = useTranslation("mappings");
  return (
    <Flex gap="small" align="center" style={{ marginBottom: 12 }}>
      <Tag>{t(row.direction)}</Tag>
      <Typography.Text type="secondary">
        {t("version", { n: row.version })} · {t("examples", { n: row.examples })}
      </Typography.Text>
      {!editable && <Tag>{t("readonly")}</Tag>}
    </Flex>
  );
}

/** The newest of the mapping's kind to choose from, or any by its id. */
function MessageChoice({
  row,
  messageId,
  choose,
}: {
  readonly row: MappingRow;
  readonly messageId: string;
  readonly choose: (id: string) => void;
}) {
  const { t } = useTranslation("mappings");
  const kind = row.id.slice(row.vendor.length + 1);
  const newest = useQuery({
    queryKey: ["/messages", { kind, limit: String(OFFERED) }],
    queryFn: () => get<MessagePage>("/messages", { kind, limit: String(OFFERED) }),
  });
  const items = newest.data?.items ?? [];
  return (
    <>
      <Space orientation="vertical" size={2}>
        <label htmlFor="newest">{t("message.newest")}</label>
        <Select
          id="newest"
          style={{ width: 340 }}
          value={items.some((one) => one.id === messageId) ? messageId : null}
          placeholder={items.length === 0 ? t("message.none") : t("message")}
          options={items.map((one) => ({
            value: one.id,
            label: `${one.receivedAt.slice(5, 19).replace("T", " ")} ${one.partner} ${t(`parts:message.${one.state}`, { defaultValue: one.state })}`,
          }))}
          onChange={choose}
          loading={newest.isPending}
        />
      </Space>
      <MessageIdBox value={messageId} onChange={choose} />
    </>
  );
}
