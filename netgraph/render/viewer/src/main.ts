/** The page's beginning: data, model, state, picture, interface, in this order. */

import type { PageData } from "./core/contract";
import type { Model } from "./core/model";
import { createModel } from "./core/network";
import { createStore, type Store } from "./core/state";
import type { Stage } from "./draw/frame";
import { createStage } from "./draw/stage";
import { restore } from "./ui/address";
import { createInterface } from "./ui/interface";

declare global {
  interface Window {
    /** For tests and curious readers. */
    netgraph?: { model: Model; store: Store; stage: Stage };
  }
}

function read(): PageData {
  const holder = document.getElementById("data");
  // The text is let go once it is read: it is as large as the file.
  const text = holder?.textContent ?? "";
  if (!text) throw new Error("The page holds no data.");
  const data = JSON.parse(text) as PageData;
  if (data.version !== 1) throw new Error(`The page's data is of version ${String(data.version)}, not 1.`);
  holder!.textContent = "";
  return data;
}

function start(host: HTMLElement): void {
  const model = createModel(read());
  const decoded = performance.now();
  const store = createStore(restore(model));
  const stage = createStage(host, model, store);
  stage.timings.decoded = decoded;
  createInterface(model, store, stage);
  stage.begin();
  window.netgraph = { model, store, stage };
  document.documentElement.dataset["ready"] = "yes";
}

const host = document.getElementById("stage") ?? document.body;
try {
  start(host);
} catch (error) {
  // What went wrong is said where the picture would have been.
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.setAttribute("role", "alert");
  const reason = error instanceof Error ? error.message : String(error);
  notice.textContent = `This page cannot be shown: ${reason} Its file may be damaged or cut off; write it again with netgraph.render().`;
  host.append(notice);
  document.documentElement.dataset["failed"] = "yes";
  console.error(error);
}
