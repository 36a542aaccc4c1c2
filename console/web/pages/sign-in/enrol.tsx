/** Setting up a second factor: password, code to scan, code to confirm, recovery codes to keep. */
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Flex, Form, Input, QRCode, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { TotpBegun, TotpConfirmed } from "../../../../domain/access/views.ts";
import { CODE_MAX, PASSWORD_MAX } from "../../../../domain/access/limits.ts";
import { post } from "../../api/client.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { Problem } from "../../parts/problem.tsx";
import "./texts.ts";

function Codes({ codes, onKept }: { readonly codes: readonly string[]; onKept(): void }) {
  const { t } = useTranslation("signIn");
  return (
    <Flex vertical gap="middle" align="start">
      <Alert type="warning" showIcon title={t("codes.title")} description={t("codes.why")} />
      <Typography.Paragraph copyable={{ text: codes.join("\n") }}>
        <span style={{ display: "grid", gridTemplateColumns: "1fr 1fr", gap: "4px 24px" }}>
          {codes.map((code) => (
            <code key={code}>{code}</code>
          ))}
        </span>
      </Typography.Paragraph>
      <Button type="primary" onClick={onKept}>
        {t("codes.kept")}
      </Button>
    </Flex>
  );
}

function Scan({ begun, busy, onCode }: { readonly begun: TotpBegun; readonly busy: boolean; onCode(code: string): void }) {
  const { t } = useTranslation("signIn");
  const { token } = theme.useToken();
  return (
    <Form<{ code: string }> layout="vertical" requiredMark={false} onFinish={({ code }) => onCode(code.trim())}>
      <Typography.Paragraph>{t("enrol.scan")}</Typography.Paragraph>
      <Flex vertical align="center" gap="small" style={{ marginBottom: token.margin }}>
        <QRCode value={begun.uri} type="svg" size={184} color="#000000" bgColor="#ffffff" aria-label={t("enrol.qr")} />
        <span>
          {t("enrol.secret")} <Copyable text={begun.secret} />
        </span>
      </Flex>
      <Form.Item name="code" label={t("enrol.code")} rules={[{ required: true, message: t("required") }]}>
        <Input autoComplete="one-time-code" inputMode="numeric" maxLength={CODE_MAX} autoFocus />
      </Form.Item>
      <Button type="primary" htmlType="submit" loading={busy}>
        {t("enrol.confirm")}
      </Button>
    </Form>
  );
}

/** `onDone`: once the recovery codes are kept. */
export function Enrol({ onDone }: { onDone(): void }) {
  const { t } = useTranslation("signIn");
  const begin = useMutation({ mutationFn: (password: string) => post<TotpBegun>("/me/totp-begin", { password }) });
  const confirm = useMutation({ mutationFn: (code: string) => post<TotpConfirmed>("/me/totp-confirm", { code }) });
  if (confirm.data !== undefined) return <Codes codes={confirm.data.recoveryCodes} onKept={onDone} />;
  return (
    <Flex vertical gap="middle">
      <Problem error={confirm.error ?? begin.error} />
      {begin.data !== undefined ? (
        <Scan begun={begin.data} busy={confirm.isPending} onCode={confirm.mutate} />
      ) : (
        <Form<{ password: string }> layout="vertical" requiredMark={false} onFinish={({ password }) => begin.mutate(password)}>
          <Form.Item name="password" label={t("enrol.password")} rules={[{ required: true, message: t("required") }]}>
            <Input.Password autoComplete="current-password" maxLength={PASSWORD_MAX} />
          </Form.Item>
          <Button type="primary" htmlType="submit" loading={begin.isPending}>
            {t("enrol.begin")}
          </Button>
        </Form>
      )}
    </Flex>
  );
}
