document.querySelectorAll("table[data-tools]").forEach(table=>{
const body=table.tBodies[0],rows=[...body.rows],box=document.createElement("input"),
of=(row,i)=>row.cells[i]?row.cells[i].textContent:"",
key=t=>{const n=parseFloat(t.replace(/[,<~]/g,""));return/^[<~]?-?[\d.]/.test(t)&&!/^\d{4}-/.test(t)?n:NaN};
box.type="search";box.placeholder="Filter";box.setAttribute("aria-label","Filter "+table.parentNode.getAttribute("aria-label"));
box.oninput=()=>rows.forEach(r=>r.hidden=!r.textContent.toLowerCase().includes(box.value.toLowerCase()));
if(rows.length>9)table.parentNode.before(box);
[...table.tHead.rows[0].cells].forEach((head,i,all)=>{
const button=document.createElement("button");
button.textContent=head.textContent;head.replaceChildren(button);
button.onclick=()=>{
const up=head.ariaSort!=="ascending";
all.forEach(h=>h.removeAttribute("aria-sort"));
head.setAttribute("aria-sort",up?"ascending":"descending");
body.append(...rows.sort((x,y)=>{
const a=of(x,i),b=of(y,i),m=key(a),n=key(b);
return!a-!b||(up?1:-1)*(isNaN(m)||isNaN(n)?isNaN(m)-isNaN(n)||a.localeCompare(b):m-n)}))}})});
