/** How a partner's files come in: from a server that we poll, or from a folder (网闸). */
import { Type } from "typebox";

export const FileDoor = Type.Object(
  {
    url: Type.String({
      pattern: "^(sftp|ftp|ftps|file)://",
      maxLength: 500,
      description: "folder that is polled; the account's name may stand in it, its secret never / 轮询的目录",
    }),
    everyMs: Type.Integer({ minimum: 100, maximum: 86_400_000, default: 5_000 }),
    ready: Type.Union([Type.Literal("stable"), Type.Literal("marker")], {
      description: "a file is whole when its size holds still over two polls, or when <name>.ok lies beside it / 文件完整的判据",
    }),
    messages: Type.Array(
      Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 200, description: "glob of file names / 文件名通配" }),
          message: Type.String(),
          unpack: Type.Optional(
            Type.Union([Type.Literal("gzip"), Type.Literal("zip")], {
              description: "the one file inside is the message / 取压缩包内唯一的文件",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 50 },
    ),
    after: Type.Union([Type.Literal("move"), Type.Literal("delete")], {
      description: "what is done with a file once it is journaled: moved to done/, or deleted / 入库后移入 done/ 或删除",
    }),
    hostKey: Type.Optional(Type.String({ pattern: "^SHA256:[A-Za-z0-9+/]{43}$", description: "sftp: pinned host key / 固定的主机指纹" })),
    secret: Type.Optional(
      Type.String({
        pattern: "^[a-z][A-Za-z0-9]{0,31}$",
        description: "prefix of its secrets: <prefix>Password, Key, Passphrase, HostKey; absent = files / 凭证名前缀",
      }),
    ),
    ca: Type.Optional(Type.String({ minLength: 1, description: "ftps: file of trusted authorities (PEM) / 信任的CA证书文件" })),
    bytesMax: Type.Integer({ minimum: 1, maximum: 16_777_216, default: 16_777_216 }),
  },
  { additionalProperties: false, description: "files by SFTP, FTP(S) or folder / 文件接入" },
);
