import { Table, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { ProfileDifference } from "../../../../domain/operations/views-lanes.ts";
import "./texts.ts";

/** What a change of a profile changes: field by field, before and after. */
export function Differences({ changes }: { readonly changes: readonly ProfileDifference[] }) {
  const { t } = useTranslation("destinations");
  const shown = (value: unknown) =>
    value === undefined ? (
      <Typography.Text type="secondary">{t("diff.absent")}</Typography.Text>
    ) : (
      <Typography.Text code>{JSON.stringify(value)}</Typography.Text>
    );
  return (
    <Table<ProfileDifference>
      size="small"
      rowKey="at"
      pagination={false}
      dataSource={[...changes]}
      columns={[
        { title: t("diff.at"), dataIndex: "at", render: (at: string) => <Typography.Text code>{at}</Typography.Text> },
        { title: t("diff.before"), render: (_, { before }) => shown(before) },
        { title: t("diff.after"), render: (_, { after }) => shown(after) },
      ]}
    />
  );
}
