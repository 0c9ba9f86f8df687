// SPDX-License-Identifier: MIT
// Headless, on loopback, and quiet towards the world.
module.exports = {
    flowFile: "flows.json",
    uiHost: "127.0.0.1",
    disableEditor: true,
    credentialSecret: false,
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false } },
    functionExternalModules: false,
    logging: { console: { level: "info", metrics: false, audit: false } },
};
