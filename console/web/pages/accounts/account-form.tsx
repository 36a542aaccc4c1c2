/** Making an account, and changing one: names, roles with what each may do, partners, second factor, and why. */
import { Checkbox, Flex, Form, Input, Modal, Radio, Switch, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { LOGIN_MAX, NAME_MAX, STAFF_NO_MAX } from "../../../../domain/access/limits.ts";
import { ROLE_RIGHTS, ROLES, type Role } from "../../../../domain/access/rights.ts";
import type { Account } from "../../../../domain/access/views.ts";
import { REASON_MAX, REASON_MIN } from "../../parts/ask-reason.tsx";
import { Problem } from "../../parts/problem.tsx";
import "./texts.ts";

export interface AccountGiven {
  readonly login?: string;
  readonly name: string;
  /** Empty: none. */
  readonly staffNo: string;
  readonly roles: readonly Role[];
  readonly partners: "*" | readonly string[];
  readonly totpRequired: boolean;
  readonly reason: string;
}

interface Fields extends Omit<AccountGiven, "partners"> {
  readonly scope: "all" | "some";
  readonly some?: readonly string[];
}

export interface AccountFormProps {
  /** Absent: a new one. */
  readonly account: Account | undefined;
  readonly open: boolean;
  readonly partners: readonly { readonly value: string; readonly label: string }[];
  readonly busy: boolean;
  readonly error: unknown;
  onGiven(given: AccountGiven): void;
  onCancel(): void;
}

/** Not `required`: that would put an attribute on the group which a group may not have. */
const atLeastOne = (message: string) => ({
  validator: (_rule: unknown, value: readonly unknown[] | undefined) =>
    value !== undefined && value.length > 0 ? Promise.resolve() : Promise.reject(new Error(message)),
});

function RoleChoice() {
  const { t } = useTranslation("accounts");
  const { t: frame } = useTranslation("frame");
  return (
    <Form.Item name="roles" label={t("roles")} rules={[atLeastOne(t("required"))]}>
      <Checkbox.Group style={{ width: "100%" }}>
        <Flex vertical gap={4}>
          {ROLES.map((role) => (
            <Checkbox key={role} value={role}>
              {frame(`role.${role}`)}{" "}
              <Typography.Text type="secondary">{ROLE_RIGHTS[role].map((right) => frame(`right.${right}`)).join("、")}</Typography.Text>
            </Checkbox>
          ))}
        </Flex>
      </Checkbox.Group>
    </Form.Item>
  );
}

export function AccountForm({ account, open, partners, busy, error, onGiven, onCancel }: AccountFormProps) {
  const { t } = useTranslation("accounts");
  const [form] = Form.useForm<Fields>();
  const scope = Form.useWatch("scope", form);
  return (
    <Modal
      open={open}
      title={account === undefined ? t("create") : t("change.of", { login: account.login })}
      okText={account === undefined ? t("create.go") : t("change.go")}
      cancelText={t("cancel")}
      confirmLoading={busy}
      onOk={() => form.submit()}
      onCancel={onCancel}
      destroyOnHidden
      width={640}
    >
      <Problem error={error} />
      <Form<Fields>
        form={form}
        layout="vertical"
        requiredMark={false}
        preserve={false}
        initialValues={{
          name: account?.name,
          staffNo: account?.staffNo ?? "",
          roles: account?.roles ?? [],
          scope: account === undefined || account.partners === "*" ? "all" : "some",
          some: account === undefined || account.partners === "*" ? [] : account.partners,
          totpRequired: account?.totpRequired ?? false,
        }}
        onFinish={({ scope: all, some = [], ...rest }) => onGiven({ ...rest, partners: all === "all" ? "*" : some })}
      >
        {account === undefined && (
          <Form.Item name="login" label={t("login")} rules={[{ required: true, whitespace: true, message: t("required") }]}>
            <Input maxLength={LOGIN_MAX} autoComplete="off" spellCheck={false} />
          </Form.Item>
        )}
        <Form.Item name="name" label={t("name")} rules={[{ required: true, whitespace: true, message: t("required") }]}>
          <Input maxLength={NAME_MAX} autoComplete="off" />
        </Form.Item>
        <Form.Item name="staffNo" label={t("staffNo")} extra={t("staffNo.help")}>
          <Input maxLength={STAFF_NO_MAX} autoComplete="off" spellCheck={false} />
        </Form.Item>
        <RoleChoice />
        <Form.Item name="scope" label={t("partners")}>
          <Radio.Group
            options={[
              { value: "all", label: t("partners.all") },
              { value: "some", label: t("partners.some") },
            ]}
          />
        </Form.Item>
        {scope === "some" && (
          <Form.Item name="some" label={t("partners.which")} rules={[atLeastOne(t("required"))]}>
            <Checkbox.Group options={[...partners]} />
          </Form.Item>
        )}
        <Form.Item name="totpRequired" label={t("totp.required")} valuePropName="checked">
          <Switch />
        </Form.Item>
        <Form.Item
          name="reason"
          label={t("reason")}
          extra={t("reason.help")}
          rules={[{ required: true, whitespace: true, min: REASON_MIN, max: REASON_MAX, message: t("reason.help") }]}
        >
          <Input.TextArea rows={2} maxLength={REASON_MAX} />
        </Form.Item>
      </Form>
    </Modal>
  );
}
