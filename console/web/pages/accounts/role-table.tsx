import { CheckOutlined, MinusOutlined } from "@ant-design/icons";
import { Card, Table, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { RIGHTS, ROLE_RIGHTS, ROLES, type Right } from "../../../../domain/access/rights.ts";
import "./texts.ts";

/** What each role may do: the table that the engine itself goes by. */
export function RoleTable() {
  const { t } = useTranslation("accounts");
  const { t: frame } = useTranslation("frame");
  return (
    <Card size="small" title={<h2 style={{ fontSize: 16, margin: 0 }}>{t("may")}</h2>}>
      <Table<{ right: Right }>
        size="small"
        rowKey="right"
        pagination={false}
        dataSource={RIGHTS.map((right) => ({ right }))}
        columns={[
          { title: t("right"), dataIndex: "right", render: (right: Right) => frame(`right.${right}`) },
          ...ROLES.map((role) => ({
            title: frame(`role.${role}`),
            key: role,
            align: "center" as const,
            render: (_value: unknown, { right }: { right: Right }) =>
              ROLE_RIGHTS[role].includes(right) ? (
                <CheckOutlined role="img" aria-label={t("yes")} />
              ) : (
                <Typography.Text type="secondary">
                  <MinusOutlined role="img" aria-label={t("no")} />
                </Typography.Text>
              ),
          })),
        ]}
      />
    </Card>
  );
}
