/** What is on record of a message or a write-back: states, deeds of people, differences of further runs, what the sender declared. */
import { Descriptions, Flex, Table, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { AuditRow, MessageDetail } from "../../../../domain/operations/views.ts";
import { Moment } from "../../parts/moment.tsx";
import "./texts.ts";

export function Deeds({ rows }: { readonly rows: readonly AuditRow[] }) {
  const { t } = useTranslation("message");
  return (
    <Table<AuditRow>
      rowKey="id"
      size="small"
      pagination={false}
      dataSource={[...rows]}
      columns={[
        { title: t("record.when"), key: "at", width: 200, render: (_, row) => <Moment at={row.at} /> },
        { title: t("record.who"), dataIndex: "who", width: 140 },
        { title: t("record.what"), dataIndex: "action", width: 140 },
        { title: t("record.why"), dataIndex: "reason" },
        { title: t("record.approved"), dataIndex: "approvedBy", width: 140 },
      ]}
    />
  );
}

export function Record({ detail }: { readonly detail: MessageDetail }) {
  const { t } = useTranslation("message");
  const headers = Object.entries(detail.headers);
  const history = detail.history.map((row, index) => ({ ...row, key: `${index} ${row.at}` }));
  return (
    <Flex vertical gap="middle">
      <Typography.Title level={2} style={{ fontSize: 15, margin: 0 }}>
        {t("record.history")}
      </Typography.Title>
      <Table
        rowKey="key"
        size="small"
        pagination={false}
        dataSource={history}
        columns={[
          { title: t("record.when"), key: "at", width: 200, render: (_, row) => <Moment at={row.at} exact /> },
          {
            title: t("record.what"),
            key: "state",
            width: 180,
            render: (_, row) => t(`parts:message.${row.state}`, { defaultValue: row.state }),
          },
          { title: t("record.who"), dataIndex: "by", width: 220 },
          { title: t("record.why"), dataIndex: "note" },
        ]}
      />
      <Typography.Title level={2} style={{ fontSize: 15, margin: 0 }}>
        {t("record.deeds")}
      </Typography.Title>
      <Deeds rows={detail.actions} />
      {detail.differences.length > 0 && (
        <>
          <Typography.Title level={2} style={{ fontSize: 15, margin: 0 }}>
            {t("record.differences")}
          </Typography.Title>
          <Table
            rowKey={(row) => `${row.at} ${row.writeBackId}`}
            size="small"
            pagination={false}
            dataSource={detail.differences}
            columns={[
              { title: t("record.when"), key: "at", width: 200, render: (_, row) => <Moment at={row.at} /> },
              {
                title: t("title.write-back"),
                key: "id",
                render: (_, row) => <Link to={`/write-backs/${row.writeBackId}`}>{row.writeBackId}</Link>,
              },
              { title: t("record.what"), key: "changed", render: (_, row) => row.changed.join(", ") },
            ]}
          />
        </>
      )}
      {headers.length > 0 && (
        <>
          <Typography.Title level={2} style={{ fontSize: 15, margin: 0 }}>
            {t("record.headers")}
          </Typography.Title>
          <Descriptions
            size="small"
            column={1}
            bordered
            items={headers.map(([name, value]) => ({ key: name, label: name, children: value }))}
          />
        </>
      )}
    </Flex>
  );
}
