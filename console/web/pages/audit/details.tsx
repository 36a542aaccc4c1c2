/** What one deed changed, readable: field, before, after; told by sign and word, not by colour alone. */
import { Button, Descriptions, Table, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { AuditRow } from "../../../../domain/operations/views.ts";
import { type Change, changesOf } from "./changes.ts";

const SIGN = { same: "=", changed: "≠", added: "+", removed: "−" } as const;
const COLOR = { same: "default", changed: "warning", added: "success", removed: "error" } as const;

export function Details({ row }: { readonly row: AuditRow }) {
  const { t } = useTranslation("audit");
  const [all, setAll] = useState(false);
  const changes = changesOf(row.before, row.after);
  const unchanged = changes.filter((one) => one.what === "same").length;
  const shown = all ? changes : changes.filter((one) => one.what !== "same");
  const text = (value: string | undefined) =>
    value === undefined ? "" : <Typography.Text style={{ overflowWrap: "anywhere" }}>{value}</Typography.Text>;
  return (
    <>
      <Descriptions
        size="small"
        column={1}
        items={[
          { key: "id", label: t("id"), children: row.id },
          { key: "reason", label: t("reason"), children: <span style={{ whiteSpace: "pre-wrap" }}>{row.reason}</span> },
        ]}
      />
      <Table<Change>
        rowKey="field"
        size="small"
        pagination={false}
        dataSource={[...shown]}
        locale={{ emptyText: t("changes.none") }}
        columns={[
          {
            title: "",
            width: 90,
            render: (_, one) => (
              <Tag color={COLOR[one.what]}>
                {SIGN[one.what]} {t(`what.${one.what}`)}
              </Tag>
            ),
          },
          {
            title: t("field"),
            dataIndex: "field",
            width: "25%",
            render: (field: string) => <Typography.Text code>{field}</Typography.Text>,
          },
          { title: t("before"), dataIndex: "before", render: text },
          { title: t("after"), dataIndex: "after", render: text },
        ]}
      />
      {unchanged > 0 && !all && (
        <Button type="link" size="small" onClick={() => setAll(true)}>
          {t("changes.unchanged", { n: unchanged })}
        </Button>
      )}
    </>
  );
}
