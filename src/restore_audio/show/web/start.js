"use strict";

// The start page of the review: a file that is dropped or chosen goes to the server on this computer.

const drop = document.getElementById("drop"), chooser = document.getElementById("file"), told = document.getElementById("status");

function send(file) {
  const request = new XMLHttpRequest();
  request.open("POST", "upload");
  request.setRequestHeader("x-name", encodeURIComponent(file.name));
  request.upload.onprogress = (event) => {
    told.textContent = `Opening ${file.name}: ${Math.round(100 * event.loaded / Math.max(event.total, 1))} %`;
  };
  request.onload = () => {
    if (request.status === 200) return location.reload();
    try {
      told.textContent = JSON.parse(request.responseText).error;
    } catch {
      told.textContent = "The file could not be opened.";
    }
  };
  request.onerror = () => { told.textContent = "The program that showed this page has ended: start it again."; };
  request.send(file);
}

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
});
chooser.addEventListener("change", () => { if (chooser.files.length) send(chooser.files[0]); });
