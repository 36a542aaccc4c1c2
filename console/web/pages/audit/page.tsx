/** Who did what, when, to what and why; and whether the record is as it was written. Its address holds the filters. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { App, AutoComplete, Button, DatePicker, Flex, Input, Select, Table, Tag, Tooltip, Typography } from "antd";
import dayjs from "dayjs";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import type { AuditRow, Page as PageOf } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { May } from "../../api/me.ts";
import { Moment } from "../../parts/moment.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { addressed, type AuditFilterName, isFiltered, queryOf } from "./address.ts";
import { Chain, useVerification } from "./chain.tsx";
import { Details } from "./details.tsx";
import { EXPORT_MAX, keep, rowsToTake, tableOf } from "./take-away.ts";
import { ACTIONS, placeOf, TARGETS } from "./words.ts";
import "./texts.ts";

const DAY = "YYYY-MM-DD";

export default function Page() {
  const { t } = useTranslation("audit");
  const [address, setAddress] = useSearchParams();
  const query = queryOf(address);
  const rows = useQuery({
    queryKey: ["/audit", query],
    queryFn: () => get<PageOf<AuditRow>>("/audit", query),
    placeholderData: (before) => before,
    refetchInterval: address.has("after") ? false : 10_000,
  });
  const set = (changes: Parameters<typeof addressed>[1]): void => setAddress(addressed(address, changes));
  return (
    <>
      <PageHead
        title={t("title")}
        extra={
          <May right="export">
            <Export query={query} />
          </May>
        }
      />
      <Chain />
      <Filters address={address} set={set} clear={() => setAddress(new URLSearchParams())} />
      <Problem error={rows.error} />
      <Rows rows={rows.data?.items ?? []} loading={rows.isPending} empty={isFiltered(address) ? t("empty.filtered") : t("empty")} />
      <Flex justify="end" gap="small" style={{ marginTop: 8 }}>
        {address.has("after") && <Button onClick={() => set({ after: undefined })}>{t("first")}</Button>}
        {rows.data?.after !== undefined && <Button onClick={() => set({ after: rows.data?.after })}>{t("more")}</Button>}
      </Flex>
    </>
  );
}

function Export({ query }: { readonly query: Record<string, string> }) {
  const { t } = useTranslation("audit");
  const { message } = App.useApp();
  const { after: _, ...filters } = query;
  const take = useMutation({
    mutationFn: () => rowsToTake(filters),
    onSuccess: ({ rows, cut }) => {
      keep(`huiliu-audit-${dayjs().format("YYYYMMDD-HHmmss")}.csv`, tableOf(rows, t));
      if (cut) void message.warning(t("export.cut", { n: EXPORT_MAX }));
    },
  });
  return (
    <>
      <Problem error={take.error} />
      <Tooltip title={t("export.told", { n: EXPORT_MAX })}>
        <Button loading={take.isPending} onClick={() => take.mutate()}>
          {t("export")}
        </Button>
      </Tooltip>
    </>
  );
}

interface FiltersProps {
  readonly address: URLSearchParams;
  readonly set: (changes: Readonly<Partial<Record<AuditFilterName, string | undefined>>>) => void;
  readonly clear: () => void;
}

function Filters({ address, set, clear }: FiltersProps) {
  const { t } = useTranslation("audit");
  const given = (name: AuditFilterName): string => address.get(name) ?? "";
  const box = (name: "who" | "targetId", width: number) => (
    <Input
      key={`${name} ${given(name)}`}
      allowClear
      aria-label={t(name)}
      placeholder={t(name)}
      defaultValue={given(name)}
      onPressEnter={(event) => set({ [name]: event.currentTarget.value })}
      onBlur={(event) => event.target.value !== given(name) && set({ [name]: event.target.value })}
      style={{ width }}
    />
  );
  const day = (name: "from" | "to") => {
    const at = dayjs(given(name), DAY);
    return (
      <DatePicker
        aria-label={t(name)}
        placeholder={t(name)}
        value={at.isValid() ? at : null}
        onChange={(value) => set({ [name]: value?.format(DAY) })}
        style={{ width: 140 }}
      />
    );
  };
  return (
    <Flex wrap gap="small" align="center" style={{ marginBottom: 12 }}>
      {box("who", 140)}
      <AutoComplete
        key={`action ${given("action")}`}
        allowClear
        aria-label={t("action")}
        placeholder={t("action")}
        defaultValue={given("action")}
        options={Object.keys(ACTIONS).map((name) => ({ value: name, label: `${t(`action.${name}`)} (${name})` }))}
        showSearch={{ filterOption: (typed, option) => `${option?.label}`.toLowerCase().includes(typed.toLowerCase()) }}
        onSelect={(value: string) => set({ action: value })}
        onClear={() => set({ action: undefined })}
        onBlur={(event) => {
          const typed = (event.target as HTMLInputElement).value ?? "";
          if (typed !== given("action")) set({ action: typed });
        }}
        style={{ width: 200 }}
      />
      <Select
        allowClear
        aria-label={t("targetKind")}
        placeholder={t("targetKind")}
        value={given("targetKind") === "" ? undefined : given("targetKind")}
        onChange={(value?: string) => set({ targetKind: value })}
        options={Object.keys(TARGETS).map((name) => ({ value: name, label: t(`target.${name}`) }))}
        style={{ width: 150 }}
      />
      {box("targetId", 220)}
      {day("from")}
      {day("to")}
      {isFiltered(address) && <Button onClick={clear}>{t("clear")}</Button>}
    </Flex>
  );
}

function Rows({ rows, loading, empty }: { readonly rows: readonly AuditRow[]; readonly loading: boolean; readonly empty: string }) {
  const { t } = useTranslation("audit");
  const wrong = new Set(useVerification().data?.findings.flatMap((one) => (one.entry === undefined ? [] : [one.entry])));
  return (
    <Table<AuditRow>
      rowKey="id"
      size="small"
      dataSource={[...rows]}
      loading={loading}
      pagination={false}
      tableLayout="fixed"
      locale={{ emptyText: empty }}
      expandable={{ expandedRowRender: (row) => <Details row={row} /> }}
      columns={columnsOf(t, wrong)}
    />
  );
}

const columnsOf = (t: TFunction<"audit">, wrong: ReadonlySet<string>) => [
  { title: t("at"), width: 170, render: (_: unknown, row: AuditRow) => <Moment at={row.at} /> },
  { title: t("who"), dataIndex: "who", width: 130, ellipsis: true },
  {
    title: t("action"),
    width: 190,
    render: (_: unknown, row: AuditRow) => (
      <>
        <Tooltip title={row.action}>
          <Tag>{t(`action.${row.action}`, { defaultValue: row.action })}</Tag>
        </Tooltip>
        {wrong.has(row.id) && <Tag style={{ whiteSpace: "normal" }}>⚠ {t("chain.tampered")}</Tag>}
      </>
    ),
  },
  { title: t("target"), ellipsis: true, render: (_: unknown, row: AuditRow) => <Target row={row} /> },
  {
    title: t("reason"),
    ellipsis: true,
    render: (_: unknown, row: AuditRow) => (
      <>
        {row.reason}
        {row.approvedBy !== undefined && <Typography.Text type="secondary"> · {t("approved", { name: row.approvedBy })}</Typography.Text>}
      </>
    ),
  },
];

function Target({ row }: { readonly row: AuditRow }) {
  const { t } = useTranslation("audit");
  const place = placeOf(row.targetKind, row.targetId);
  return (
    <>
      <Typography.Text type="secondary">{t(`target.${row.targetKind}`, { defaultValue: row.targetKind })} </Typography.Text>
      {place === undefined ? (
        row.targetId
      ) : (
        <Link to={place} style={{ textDecoration: "underline" }}>
          {row.targetId}
        </Link>
      )}
    </>
  );
}
