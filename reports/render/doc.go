// Package render turns a certification run into what people and programs read: one self-contained
// HTML page, JUnit XML for build servers, and a certificate in JSON.
//
// It draws what package reports holds and concludes nothing by itself. It reads no clock, so that the
// same run gives the same bytes, and it never touches the network: the page carries its style and
// its drawings, and forbids the browser every request by a content security policy.
//
//	reports.Run ──► Page        ──► index.html        ┐
//	            ├─► JUnit       ──► junit.xml         ├─► Folder.Write, all or nothing per file
//	            └─► Certificate ──► certificate.json  ┘
//
// The page is laid out in two steps. The files layout_*.go compute where everything goes, in tenths of a
// pixel; the templates below templates/ only draw. Colours live in templates/page.css alone.
package render
