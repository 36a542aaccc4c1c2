/** Accounts, for administrators: who there is, what each may do, and letting people in and out. Nobody changes his own. */
import { MoreOutlined } from "@ant-design/icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Dropdown, Flex, Modal, Table, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Account, AccountList, AccountOpened } from "../../../../domain/access/views.ts";
import type { PartnerView } from "../../../../domain/operations/views.ts";
import { get, post } from "../../api/client.ts";
import { useMe } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { Moment } from "../../parts/moment.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";
import { AccountForm, type AccountGiven } from "./account-form.tsx";
import { RoleTable } from "./role-table.tsx";
import "./texts.ts";

const ACCOUNTS = ["/accounts"] as const;
const DEEDS = ["disable", "enable", "reset", "end"] as const;
type Deed = (typeof DEEDS)[number];
const PATH: Readonly<Record<Deed, string>> = { disable: "disable", enable: "enable", reset: "reset", end: "end-sessions" };

/** A password that is told once. */
function Told({ opened, onClose }: { readonly opened: AccountOpened | undefined; onClose(): void }) {
  const { t } = useTranslation("accounts");
  return (
    <Modal
      open={opened?.password !== undefined}
      title={t("opened", { login: opened?.account.login })}
      closable={false}
      keyboard={false}
      footer={
        <Button type="primary" onClick={onClose}>
          {t("opened.close")}
        </Button>
      }
    >
      <Flex vertical gap="middle">
        <Alert type="warning" showIcon title={t("opened.help")} />
        <Copyable text={opened?.password} />
      </Flex>
    </Modal>
  );
}

function States({ account }: { readonly account: Account }) {
  const { t } = useTranslation("accounts");
  return (
    <Flex gap={4} wrap>
      <Tag color={account.state === "active" ? "success" : "default"}>{t(`state.${account.state}`)}</Tag>
      {account.mustChangePassword && <Tag>{t("state.change")}</Tag>}
      {account.external !== undefined && <Tag>{t("state.external")}</Tag>}
      {account.lockedUntil !== undefined && (
        <Tag color="error">
          {t("state.locked")} <Moment at={account.lockedUntil} />
        </Tag>
      )}
    </Flex>
  );
}

const factorOf = ({ totp, totpRequired }: Account): string => (totp ? "totp.on" : totpRequired ? "totp.wanted" : "totp.off");

interface Doing {
  readonly path: string;
  readonly body: object;
}

function useDo(onOpened: (opened: AccountOpened) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ path, body }: Doing) => post<AccountOpened>(path, body),
    onSuccess: onOpened,
    onSettled: () => client.invalidateQueries({ queryKey: ACCOUNTS }),
  });
}

interface DeedsProps {
  readonly account: Account;
  onChange(): void;
  onDeed(doing: Doing): void;
}

function Deeds({ account, onChange, onDeed }: DeedsProps) {
  const { t } = useTranslation("accounts");
  const ask = useAskReason();
  const me = useMe();
  if (account.id === me.id) return null; // the engine refuses it, too
  const { login, id, state } = account;
  const act = async (deed: Deed): Promise<void> => {
    const reason = await ask({ title: t(`${deed}.of`, { login }), confirm: t(deed), danger: deed !== "enable" });
    if (reason !== undefined) onDeed({ path: `/accounts/${id}/${PATH[deed]}`, body: { reason } });
  };
  const shown = DEEDS.filter(
    (deed) => deed !== (state === "active" ? "enable" : "disable") && !(deed === "reset" && account.external !== undefined),
  );
  return (
    <Flex gap={4}>
      <Button size="small" onClick={onChange} aria-label={t("change.of", { login })}>
        {t("change")}
      </Button>
      <Dropdown
        trigger={["click"]}
        menu={{
          items: shown.map((key) => ({ key, label: t(key) })),
          onClick: ({ key }) => void act(DEEDS.find((one) => one === key) ?? "end"),
        }}
      >
        <Button size="small" icon={<MoreOutlined aria-hidden />} aria-label={t("more", { login })} aria-haspopup="menu" />
      </Dropdown>
    </Flex>
  );
}

function useAccountColumns(onChange: (account: Account) => void, onDeed: (doing: Doing) => void) {
  const { t } = useTranslation("accounts");
  const { t: frame } = useTranslation("frame");
  return [
    { title: t("login"), dataIndex: "login" },
    { title: t("name"), dataIndex: "name" },
    {
      title: t("roles"),
      dataIndex: "roles",
      render: (roles: Account["roles"]) => (
        <Flex gap={4} wrap>
          {roles.map((role) => (
            <Tag key={role}>{frame(`role.${role}`)}</Tag>
          ))}
        </Flex>
      ),
    },
    {
      title: t("partners"),
      dataIndex: "partners",
      render: (partners: Account["partners"]) => (partners === "*" ? t("partners.all") : partners.join(inLanguage({ zh: "、", en: ", " }))),
    },
    { title: t("state"), key: "state", render: (_value: unknown, account: Account) => <States account={account} /> },
    { title: t("totp"), key: "totp", render: (_value: unknown, account: Account) => t(factorOf(account)) },
    { title: t("sessions"), dataIndex: "sessions" },
    { title: t("last"), dataIndex: "lastSignInAt", render: (at?: string) => <Moment at={at} /> },
    {
      title: t("deeds"),
      key: "deeds",
      render: (_value: unknown, account: Account) => <Deeds account={account} onChange={() => onChange(account)} onDeed={onDeed} />,
    },
  ];
}

export default function AccountsPage() {
  const { t } = useTranslation("accounts");
  const [form, setForm] = useState<{ readonly account?: Account }>();
  const [told, setTold] = useState<AccountOpened>();
  const accounts = useQuery({ queryKey: ACCOUNTS, queryFn: () => get<AccountList>("/accounts") });
  const partners = useQuery({ queryKey: ["/partners"], queryFn: () => get<{ readonly items: readonly PartnerView[] }>("/partners") });
  const given = useDo((opened) => {
    setForm(undefined);
    setTold(opened);
  });
  const deed = useDo(setTold);
  const columns = useAccountColumns((account) => {
    given.reset();
    setForm({ account });
  }, deed.mutate);

  const give = ({ login, ...rest }: AccountGiven): void => {
    const { account } = form ?? {};
    if (account === undefined) given.mutate({ path: "/accounts", body: { login: login?.trim(), ...rest } });
    else given.mutate({ path: `/accounts/${account.id}/change`, body: rest });
  };

  return (
    <>
      <PageHead
        title={t("title")}
        extra={
          <Button
            type="primary"
            onClick={() => {
              given.reset();
              setForm({});
            }}
          >
            {t("create")}
          </Button>
        }
      />
      <Flex vertical gap="middle">
        <Problem error={deed.error ?? accounts.error} />
        <Table<Account>
          rowKey="id"
          size="small"
          pagination={false}
          loading={accounts.isPending}
          dataSource={accounts.data?.items ?? []}
          columns={columns}
          scroll={{ x: "max-content" }}
        />
        <RoleTable />
      </Flex>
      <AccountForm
        open={form !== undefined}
        account={form?.account}
        partners={(partners.data?.items ?? []).map(({ partner, name }) => ({ value: partner, label: `${inLanguage(name)} (${partner})` }))}
        busy={given.isPending}
        error={given.error}
        onGiven={give}
        onCancel={() => setForm(undefined)}
      />
      <Told opened={told} onClose={() => setTold(undefined)} />
    </>
  );
}
