/** Searches kept under a name in this browser: opened, kept, forgotten. */
import { DeleteOutlined, StarOutlined } from "@ant-design/icons";
import { Button, Empty, Flex, Input, Popover } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { forget, save, savedSearches } from "./saved.ts";
import "./texts.ts";

export interface SavedMenuProps {
  readonly address: string;
  readonly open: (address: string) => void;
}

export function SavedMenu({ address, open }: SavedMenuProps) {
  const { t } = useTranslation("search");
  const [shown, setShown] = useState(false);
  const [list, setList] = useState(savedSearches);
  const [name, setName] = useState("");
  const keep = (): void => {
    if (name.trim() === "") return;
    setList(save({ name: name.trim(), address }));
    setName("");
  };
  const content = (
    <Flex vertical gap="small" style={{ width: 280 }}>
      {list.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("saved.none")} />}
      {list.map((one) => (
        <Flex key={one.name} justify="space-between" gap="small">
          <Button
            type="link"
            style={{ overflow: "hidden", textOverflow: "ellipsis", padding: 0 }}
            onClick={() => {
              setShown(false);
              open(one.address);
            }}
          >
            {one.name}
          </Button>
          <Button
            type="text"
            icon={<DeleteOutlined aria-hidden />}
            aria-label={t("saved.forget", { name: one.name })}
            onClick={() => setList(forget(one.name))}
          />
        </Flex>
      ))}
      <Flex gap="small">
        <Input
          aria-label={t("saved.name")}
          placeholder={t("saved.name")}
          value={name}
          maxLength={40}
          onChange={(event) => setName(event.target.value)}
          onPressEnter={keep}
        />
        <Button onClick={keep} disabled={name.trim() === ""}>
          {t("saved.save")}
        </Button>
      </Flex>
    </Flex>
  );
  return (
    <Popover content={content} trigger="click" open={shown} onOpenChange={setShown} placement="bottomRight">
      <Button icon={<StarOutlined aria-hidden />}>{t("saved")}</Button>
    </Popover>
  );
}
