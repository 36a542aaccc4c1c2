/** Search: one box for any key, across all flows and partners; what is found is in the address. */
import { DownloadOutlined, LinkOutlined } from "@ant-design/icons";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Alert, App, Button, Flex, Space, Table, type TableColumnsType, Tag, theme, Typography } from "antd";
import type { TextAreaRef } from "antd/es/input/TextArea";
import { useCallback, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";
import type { Export } from "../../../../domain/operations/views-inspect.ts";
import type { MessagePage, MessageRow } from "../../../../domain/operations/views.ts";
import { get, post } from "../../api/client.ts";
import { May } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { DeedResult, type Deeds, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { inLanguage, languageNow } from "../../texts/index.ts";
import { LegTags } from "../message/legs.tsx";
import { addressOf, KEYS_MAX, PAGE, queryOf, type Search, searchOf } from "./address.ts";
import { Filters } from "./filters.tsx";
import { SavedMenu } from "./saved-menu.tsx";
import { useListKeys } from "./use-list-keys.ts";
import "./texts.ts";

const REFETCH_MS = 10_000;

/** What is found; of the newest page anew every few seconds. The moment a span counts from stands still while the address does. */
function useFound(search: Search, address: string) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new address is a new moment
  const query = useMemo(() => queryOf(search, Date.now()), [address]);
  const params = { ...query, limit: String(PAGE), ...(search.after === undefined ? {} : { after: search.after }) };
  return useQuery({
    queryKey: ["/messages", params],
    queryFn: () => get<MessagePage>("/messages", params),
    enabled: search.keys.length <= KEYS_MAX,
    placeholderData: keepPreviousData,
    refetchInterval: search.after === undefined ? REFETCH_MS : false,
  });
}

export default function Page() {
  const { t } = useTranslation("search");
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const { message } = App.useApp();
  const address = params.toString();
  const search = useMemo(() => searchOf(new URLSearchParams(address)), [address]);
  const found = useFound(search, address);
  const box = useRef<TextAreaRef>(null);
  const deeds = useDeeds([]);
  const items = useMemo(() => found.data?.items ?? [], [found.data]);
  const open = useCallback((index: number) => void navigate(`/messages/${items[index]?.id ?? ""}`), [navigate, items]);
  const chosen = useListKeys(items.length, open, () => box.current?.focus());
  const show = (next: Search): void => setParams(addressOf(next));
  const seen = useMemo(
    () => ({ kind: [...new Set(items.map((row) => row.kind))].sort(), flow: [...new Set(items.flatMap((row) => row.flow ?? []))].sort() }),
    [items],
  );
  const copyLink = (): void => void navigator.clipboard.writeText(window.location.href).then(() => message.success(t("parts:copy.done")));
  return (
    <>
      <PageHead
        title={t("title")}
        extra={
          <>
            <Typography.Text type="secondary">{t("keys")}</Typography.Text>
            <SavedMenu address={address} open={(to) => setParams(new URLSearchParams(to))} />
            <Button icon={<LinkOutlined aria-hidden />} onClick={copyLink}>
              {t("link")}
            </Button>
            <May right="export">
              <ExportButton search={search} deeds={deeds} />
            </May>
          </>
        }
      />
      <Filters search={search} onChange={show} box={box} seen={seen} />
      <DeedResult deeds={deeds} />
      <Problem error={found.error} />
      {found.data !== undefined && <Told page={found.data} search={search} show={show} />}
      <Found items={items} chosen={chosen} open={open} loading={found.isLoading} search={search} />
      <Flex justify="space-between" align="center" style={{ marginTop: 8 }}>
        <Typography.Text type="secondary" role="status">
          {t("found", { n: items.length })}
        </Typography.Text>
        <Space>
          {search.after !== undefined && (
            <Button
              onClick={() => {
                const { after: _, ...first } = search;
                show(first);
              }}
            >
              {t("first")}
            </Button>
          )}
          {found.data?.after !== undefined && (
            <Button onClick={() => show({ ...search, after: found.data?.after ?? "" })}>{t("older")}</Button>
          )}
        </Space>
      </Flex>
    </>
  );
}

/** What the answer says beside its rows: where time was over, what is past retention. */
function Told({ page, search, show }: { readonly page: MessagePage; readonly search: Search; readonly show: (next: Search) => void }) {
  const { t } = useTranslation("search");
  const { searchedTo, after, pastRetention = [], unknown = [] } = page;
  const nothing = searchedTo === undefined && pastRetention.length === 0 && unknown.length === 0;
  return (
    <Flex vertical gap="small" style={{ marginBottom: nothing ? 0 : 12 }}>
      {unknown.length > 0 && (
        <Alert
          type="warning"
          showIcon
          role="status"
          title={t("unknown", { n: unknown.length, all: search.keys.length })}
          description={
            <Flex wrap gap={4}>
              {unknown.map((key) => (
                <Typography.Text key={key} code>
                  {key}
                </Typography.Text>
              ))}
            </Flex>
          }
        />
      )}
      {searchedTo !== undefined && after !== undefined && (
        <Alert
          type="warning"
          showIcon
          title={t("searched.to", { at: searchedTo.slice(0, 19).replace("T", " ") })}
          action={<Button onClick={() => show({ ...search, after })}>{t("search.on")}</Button>}
        />
      )}
      {pastRetention.length > 0 && (
        <Alert
          type="info"
          showIcon
          title={t("gone", { n: pastRetention.length })}
          description={pastRetention.slice(0, 20).map((row) => (
            <div key={row.id}>
              {row.receivedOn} {row.partner} <Typography.Text code>{row.id}</Typography.Text> {row.keys.map((key) => key.value).join(" ")}
            </div>
          ))}
        />
      )}
    </Flex>
  );
}

interface FoundProps {
  readonly items: readonly MessageRow[];
  readonly chosen: number;
  readonly open: (index: number) => void;
  readonly loading: boolean;
  readonly search: Search;
}

function Found({ items, chosen, open, loading, search }: FoundProps) {
  const { t } = useTranslation("search");
  const { token } = theme.useToken();
  const columns: TableColumnsType<MessageRow> = [
    {
      key: "at",
      title: t("column.received"),
      width: 120,
      render: (_, row) => (
        <Link to={`/messages/${row.id}`}>
          <Moment at={row.receivedAt} exact />
        </Link>
      ),
    },
    {
      key: "message",
      title: t("column.message"),
      width: 180,
      render: (_, row) => (
        <>
          <Typography.Text strong>{row.partner}</Typography.Text> {row.kind} <Typography.Text type="secondary">{row.door}</Typography.Text>
        </>
      ),
    },
    { key: "identity", title: t("column.identity"), width: 190, ellipsis: true, render: (_, row) => row.identity },
    { key: "flow", title: t("column.flow"), width: 140, ellipsis: true, render: (_, row) => row.flow },
    {
      key: "state",
      title: t("column.state"),
      width: 110,
      render: (_, row) => (
        <>
          <StateTag kind="message" state={row.state} />
          {row.replayed && <Tag>{t("replayed")}</Tag>}
        </>
      ),
    },
    { key: "legs", title: t("column.legs"), width: 250, render: (_, row) => row.legs && <LegTags legs={row.legs} /> },
    { key: "why", title: t("column.why"), ellipsis: true, render: (_, row) => row.parked && inLanguage(row.parked) },
  ];
  const none = search.keys.length === 0 && search.span === "today" ? t("empty.today") : t("empty");
  return (
    <Table<MessageRow>
      rowKey="id"
      size="small"
      tableLayout="fixed"
      columns={columns}
      dataSource={items}
      loading={loading}
      pagination={false}
      locale={{ emptyText: none }}
      scroll={{ x: 1_080 }}
      onRow={(_, index) => ({
        onDoubleClick: () => open(index ?? -1),
        "aria-selected": index === chosen,
        style: index === chosen ? { background: token.controlItemBgActive } : {},
        ref: (row: HTMLElement | null) => {
          if (index === chosen) row?.scrollIntoView({ block: "nearest" });
        },
      })}
    />
  );
}

/** A file that the browser keeps under this name. */
function keepFile(name: string, csv: string): void {
  const url = URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

function ExportButton({ search, deeds }: { readonly search: Search; readonly deeds: Deeds }) {
  const { t } = useTranslation("search");
  const ask = useAskReason();
  const take = async (): Promise<void> => {
    const reason = await ask({
      title: t("export.title"),
      confirm: t("export"),
      fields: <Alert type="info" showIcon title={t("export.told")} style={{ marginBottom: 12 }} />,
    });
    if (reason === undefined) return;
    const body = { ...queryOf(search, Date.now()), language: languageNow() === "en-US" ? "en" : "zh", reason };
    await deeds.act(
      async () => {
        const taken = await post<Export>("/exports", body);
        keepFile(taken.name, taken.csv);
        return taken;
      },
      ({ rows, auditId, cut }) => t(cut ? "export.cut" : "export.done", { n: rows, audit: auditId }),
    );
  };
  return (
    <Button icon={<DownloadOutlined aria-hidden />} loading={deeds.busy} onClick={() => void take()}>
      {t("export")}
    </Button>
  );
}
