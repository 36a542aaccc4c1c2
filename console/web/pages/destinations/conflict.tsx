/** Somebody saved while this one was editing: what the other changed, and two ways on. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Flex } from "antd";
import { useTranslation } from "react-i18next";
import { differences } from "../../../../domain/partners/profiles.ts";
import type { DestinationProfile, ProfileChange } from "../../../../domain/operations/views-lanes.ts";
import type { Page as PageOf } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { Differences } from "./differences.tsx";
import { rebased } from "./fields.ts";

export interface ConflictProps {
  /** What this person began with. */
  readonly base: DestinationProfile;
  readonly present: DestinationProfile;
  readonly draft: Readonly<Record<string, unknown>>;
  readonly load: (from: DestinationProfile, to?: Readonly<Record<string, unknown>>) => void;
}

export function Conflict({ base, present, draft, load }: ConflictProps) {
  const { t } = useTranslation("destinations");
  const path = `/destinations/${present.destination}/history`;
  const history = useQuery({ queryKey: [path, { limit: "1" }], queryFn: () => get<PageOf<ProfileChange>>(path, { limit: "1" }) });
  const by = history.data?.items[0]?.by ?? "…";
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      title={t("profile.conflict", { by, v: present.version })}
      description={
        <Flex vertical gap="small">
          <div>{t("profile.conflict.theirs")}</div>
          <Differences changes={differences(base.profile, present.profile)} />
          <Flex gap="small" wrap>
            <Button type="primary" onClick={() => load(present, rebased(differences(base.profile, draft), present.profile))}>
              {t("profile.conflict.keep")}
            </Button>
            <Button onClick={() => load(present)}>{t("profile.conflict.drop")}</Button>
          </Flex>
        </Flex>
      }
    />
  );
}
