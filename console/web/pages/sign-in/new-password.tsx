import { Button, Form, Input } from "antd";
import { useTranslation } from "react-i18next";
import { PASSWORD_MAX, PASSWORD_MIN } from "../../../../domain/access/limits.ts";
import "./texts.ts";

/** The two fields of a password that is chosen. The engine has the last word (PASSWORD_WEAK). */
export function NewPasswordFields() {
  const { t } = useTranslation("signIn");
  return (
    <>
      <Form.Item
        name="password"
        label={t("change.new")}
        extra={t("change.help", { n: PASSWORD_MIN })}
        rules={[{ required: true, min: PASSWORD_MIN, message: t("change.help", { n: PASSWORD_MIN }) }]}
      >
        <Input.Password autoComplete="new-password" maxLength={PASSWORD_MAX} />
      </Form.Item>
      <Form.Item
        name="again"
        label={t("change.again")}
        dependencies={["password"]}
        rules={[
          { required: true, message: t("required") },
          ({ getFieldValue }) => ({
            validator: (_rule, value) =>
              value === getFieldValue("password") ? Promise.resolve() : Promise.reject(new Error(t("change.differ"))),
          }),
        ]}
      >
        <Input.Password autoComplete="new-password" maxLength={PASSWORD_MAX} />
      </Form.Item>
    </>
  );
}

export interface ChangePasswordProps {
  readonly busy: boolean;
  onChange(given: { readonly current: string; readonly password: string }): void;
}

export function ChangePasswordForm({ busy, onChange }: ChangePasswordProps) {
  const { t } = useTranslation("signIn");
  return (
    <Form<{ current: string; password: string }>
      layout="vertical"
      requiredMark={false}
      onFinish={({ current, password }) => onChange({ current, password })}
    >
      <Form.Item name="current" label={t("change.current")} rules={[{ required: true, message: t("required") }]}>
        <Input.Password autoComplete="current-password" maxLength={PASSWORD_MAX} />
      </Form.Item>
      <NewPasswordFields />
      <Button type="primary" htmlType="submit" loading={busy}>
        {t("change.go")}
      </Button>
    </Form>
  );
}
