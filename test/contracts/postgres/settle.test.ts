import { settleContract } from "../settle.ts";
import { settleWorld } from "./world.ts";

settleContract("PostgreSQL", settleWorld);
