import { bornClaimedContract } from "../born-claimed.ts";
import { settleContract } from "../settle.ts";
import { settleWorld } from "./world.ts";

settleContract("PostgreSQL", settleWorld);
bornClaimedContract("PostgreSQL", settleWorld);
