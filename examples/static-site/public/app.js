await fetch("/api/visits", { method: "POST" })
const { visits } = await (await fetch("/api/visits")).json()
document.querySelector("#visits").value = visits
