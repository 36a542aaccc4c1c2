import { Flex, Tag } from "antd";
import { useTranslation } from "react-i18next";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";
import { Age } from "../../parts/moment.tsx";
import "./texts.ts";

/** Ids are shown where they lead somewhere. */
const HIDDEN = new Set(["firstMessage"]);

/** An alarm's numbers, named; seconds as an age. */
export function AlarmNumbers({ alarm }: { readonly alarm: Pick<AlarmView, "details"> }) {
  const { t } = useTranslation("alarms");
  const shown = Object.entries(alarm.details).filter(([name]) => !HIDDEN.has(name));
  return (
    <Flex gap={4} wrap>
      {shown.map(([name, value]) => (
        <Tag key={name}>
          {t(`detail.${name}`, { defaultValue: name })} {name.endsWith("Seconds") ? <Age ms={Number(value) * 1_000} /> : String(value)}
        </Tag>
      ))}
    </Flex>
  );
}
