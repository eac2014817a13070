//! Items: names, paths, listings, changes and small uploads.

use coffer_onedrive_sim::{ALEX_DRIVE, ROBIN_DRIVE};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Sim, bytes, code};

async fn make_folder(sim: &Sim, parent: &str, body: Value) -> reqwest::Response {
    let path = format!("/me/drive/{parent}/children");
    sim.graph(Method::POST, &path)
        .json(&body)
        .send()
        .await
        .expect("an answer")
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_put() {
    let sim = Sim::start().await;

    let created = sim.put("/A/B%20C/x.zip", bytes(100_000)).await;

    assert_eq!(created.status(), 201);
    let item: Value = created.json().await.expect("JSON");
    assert_eq!(
        (&item["name"], &item["size"]),
        (&json!("x.zip"), &json!(100_000))
    );
    assert_eq!(
        item["file"]["hashes"]["quickXorHash"]
            .as_str()
            .map(str::len),
        Some(28)
    );
    assert_eq!(
        item["parentReference"]["path"],
        format!("/drives/{ALEX_DRIVE}/root:/A/B%20C")
    );
    let url = sim.download_url("/A/B%20C/x.zip").await;
    assert!(url.starts_with(sim.sim.dl_url()));
    let read = sim
        .http
        .get(url)
        .send()
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("bytes");
    assert_eq!(read, bytes(100_000));
    assert_eq!(
        sim.sim.file_bytes(ALEX_DRIVE, "/A/B C/x.zip"),
        Some(bytes(100_000))
    );
    assert_eq!(sim.put("/A/B%20C/x.zip", vec![]).await.status(), 200);
}

#[tokio::test]
async fn a_file_is_copied_on_the_drive() {
    let sim = Sim::start().await;
    sim.put("/A/x.zip", bytes(1000)).await;
    make_folder(&sim, "root", json!({"name": "B", "folder": {}})).await;
    let copy = |name: &str| {
        let body = json!({"name": name, "parentReference": {"path": "/drive/root:/B"}});
        let request = sim.graph(Method::POST, "/me/drive/root:/A/x.zip:/copy");
        request.json(&body).send()
    };

    let accepted = copy("y.zip").await.expect("an answer");

    assert_eq!(accepted.status(), 202);
    let monitor = accepted.headers()["location"].to_str().expect("an address");
    let status = sim.http.get(monitor).send().await.expect("an answer");
    let status: Value = status.json().await.expect("JSON");
    let copied = sim.get_json("/me/drive/root:/B/y.zip").await;
    assert_eq!(status["status"], "completed");
    assert_eq!(status["resourceId"], copied["id"]);
    for path in ["/A/x.zip", "/B/y.zip"] {
        assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, path), Some(bytes(1000)));
    }
    let taken = copy("y.zip").await.expect("an answer");
    assert_eq!(code(taken).await, "nameAlreadyExists");
}

#[tokio::test]
async fn names_differ_by_more_than_letter_case() {
    let sim = Sim::start().await;
    sim.put("/Folder/File.txt", b"1".to_vec()).await;

    assert_eq!(
        sim.put("/folder/FILE.TXT", b"2".to_vec()).await.status(),
        200
    );
    let again = make_folder(&sim, "root", json!({"name": "FOLDER", "folder": {}})).await;

    assert_eq!(again.status(), 409);
    assert_eq!(code(again).await, "nameAlreadyExists");
    let listed = sim.get_json("/me/drive/root:/FOLDER:/children").await;
    assert_eq!(listed["value"][0]["name"], "File.txt");
}

#[tokio::test]
async fn folders_are_made_by_conflict_behavior() {
    let sim = Sim::start().await;
    let body = |behavior: &str| json!({"name": "Backups", "folder": {}, "@microsoft.graph.conflictBehavior": behavior});
    assert_eq!(
        make_folder(&sim, "items/root", body("fail")).await.status(),
        201
    );

    let renamed: Value = make_folder(&sim, "root", body("rename"))
        .await
        .json()
        .await
        .expect("JSON");
    let replaced = make_folder(&sim, "root", body("replace")).await;

    assert_eq!(renamed["name"], "Backups 1");
    assert_eq!(replaced.status(), 201);
    assert_eq!(
        make_folder(&sim, "root", body("nonsense")).await.status(),
        400
    );
}

#[tokio::test]
async fn a_listing_can_be_filtered() {
    let sim = Sim::start().await;
    for path in ["/a", "/Bob's files/inner", "/c"] {
        sim.sim.put_file(ALEX_DRIVE, path, b"");
    }
    let listed = async |filter: &str| {
        let request = sim.graph(Method::GET, "/me/drive/root/children");
        let reply = request.query(&[("$filter", filter)]).send().await;
        let reply: Value = reply.expect("an answer").json().await.expect("JSON");
        let items = reply["value"].as_array().expect("items").clone();
        let names = items
            .iter()
            .map(|item| item["name"].as_str().expect("a name").to_owned());
        names.collect::<Vec<_>>()
    };

    assert_eq!(listed("name eq 'bob''s Files'").await, ["Bob's files"]);
    assert!(listed("name eq 'nobody'").await.is_empty());
    assert_eq!(listed("folder ne null").await, ["Bob's files"]);
    assert_eq!(listed("file ne null").await, ["a", "c"]);
    let other = sim
        .get("/me/drive/root/children?$filter=size%20gt%203")
        .await;
    assert_eq!(other.status(), 400);
}

#[tokio::test]
async fn a_listing_comes_in_pages() {
    let sim = Sim::start().await;
    for number in 0..450 {
        sim.sim
            .put_file(ALEX_DRIVE, &format!("/many/{number:03}"), b"");
    }
    let pages = async |first: String| {
        let (mut names, mut sizes, mut next) = (Vec::new(), Vec::new(), Some(first));
        while let Some(url) = next {
            let page: Value = sim
                .http
                .get(url)
                .bearer_auth(&sim.token)
                .send()
                .await
                .expect("it")
                .json()
                .await
                .expect("JSON");
            let value = page["value"].as_array().expect("items");
            sizes.push(value.len());
            names.extend(
                value
                    .iter()
                    .map(|item| item["name"].as_str().expect("a name").to_owned()),
            );
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        let expected: Vec<String> = (0..450).map(|number| format!("{number:03}")).collect();
        assert_eq!(names, expected);
        sizes
    };
    let url = format!("{}/v1.0/me/drive/root:/many:/children", sim.sim.api_url());

    assert_eq!(pages(url.clone()).await, [200, 200, 50]);
    assert_eq!(pages(format!("{url}?$top=5000&$select=name")).await, [450]);
    assert_eq!(pages(format!("{url}?top=225")).await, [225, 225]);
    sim.sim.set_empty_pages(true);
    assert_eq!(pages(format!("{url}?%24top=300")).await, [300, 0, 150]);
}

#[tokio::test]
async fn select_leaves_out_what_was_not_asked_for() {
    let sim = Sim::start().await;
    sim.put("/x", b"1".to_vec()).await;

    let item = sim.get_json("/me/drive/root:/x?$select=id,size").await;

    let keys: Vec<&String> = item.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["id", "size"]);
}

#[tokio::test]
async fn odd_spellings_of_real_clients_reach_the_item() {
    let sim = Sim::start().await;
    sim.put("/small.txt", b"1".to_vec()).await;
    let id = sim.get_json("/me/drive/root").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for path in [
        "/v1.0//me/drive/root:/small.txt".to_owned(),
        "/v1.0/me/drive/root:/.%2Fsmall.txt".to_owned(),
        "/_api/v2.0/me/drive/root:/small.txt:".to_owned(),
        format!("/beta/drives/{ALEX_DRIVE}/items/{id}:/small.txt:"),
        format!(
            "/v1.0/drives/{}/root:/small.txt?select=id,name",
            ALEX_DRIVE.to_uppercase()
        ),
    ] {
        let url = format!("{}{path}", sim.sim.api_url());
        let accept =
            "application/json;odata.metadata=minimal;odata.streaming=False;IEEE754Compatible=False";
        let request = sim
            .http
            .get(url)
            .bearer_auth(&sim.token)
            .header("Accept", accept);
        let item: Value = request
            .send()
            .await
            .expect("it")
            .json()
            .await
            .expect("JSON");
        assert_eq!(item["name"], "small.txt", "{path}");
    }
}

#[tokio::test]
async fn impossible_names_and_paths_are_refused() {
    let sim = Sim::start().await;
    let long = "x".repeat(256);
    for name in ["a*b", "CON", "a.", "~$x", long.as_str()] {
        let reply = make_folder(&sim, "root", json!({"name": name, "folder": {}})).await;
        assert_eq!(reply.status(), 400, "{name}");
    }
    let deep = "/abcdefgh".repeat(45);
    let reply = sim.put(&deep, b"1".to_vec()).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(code(reply).await, "pathIsTooLong");
    assert_eq!(sim.put("/a%3Ab", b"1".to_vec()).await.status(), 400);
}

#[tokio::test]
async fn items_are_renamed_moved_and_dated() {
    let sim = Sim::start().await;
    sim.put("/a/x", b"1".to_vec()).await;
    sim.put("/b/y", b"1".to_vec()).await;
    let b = sim.get_json("/me/drive/root:/b").await;
    let patch = async |path: &str, body: Value| {
        let path = format!("/me/drive/root:{path}");
        sim.graph(Method::PATCH, &path)
            .json(&body)
            .send()
            .await
            .expect("an answer")
    };
    let modified = json!({"lastModifiedDateTime": "2020-01-02T03:04:05Z"});

    let moved = patch(
        "/a/x",
        json!({"name": "z", "parentReference": {"id": b["id"]}, "fileSystemInfo": modified}),
    )
    .await;
    assert_eq!(moved.status(), 200);
    let taken = patch("/b/z", json!({"name": "Y"})).await;
    assert_eq!(taken.status(), 409);
    let inside = patch("/b", json!({"parentReference": {"id": b["id"]}})).await;
    assert_eq!(inside.status(), 400);

    let item = sim.get_json("/me/drive/root:/b/z").await;
    assert_eq!(
        item["fileSystemInfo"]["lastModifiedDateTime"],
        "2020-01-02T03:04:05.000Z"
    );
    assert_eq!(sim.get("/me/drive/root:/a/x").await.status(), 404);
}

#[tokio::test]
async fn a_deleted_item_still_counts_until_the_bin_is_empty() {
    let mut sim = Sim::start().await;
    sim.put("/f/x", bytes(1000)).await;
    let delete = async |sim: &Sim, path: &str| {
        let reply = sim
            .graph(Method::DELETE, path)
            .send()
            .await
            .expect("an answer");
        reply.status().as_u16()
    };

    assert_eq!(delete(&sim, "/me/drive/root:/f").await, 204);
    assert_eq!(delete(&sim, "/me/drive/root:/f").await, 404);
    let quota = sim.get_json("/me/drive").await["quota"].clone();
    assert_eq!(
        (&quota["used"], &quota["deleted"]),
        (&json!(1000), &json!(1000))
    );

    sim.sign_in("robin", "Files.ReadWrite");
    sim.put("/x", bytes(1000)).await;
    let id = sim.get_json("/me/drive/root:/x").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/drives/{ROBIN_DRIVE}/items/{id}/permanentDelete");
    let reply = sim
        .graph(Method::POST, &path)
        .send()
        .await
        .expect("an answer");
    assert_eq!(reply.status(), 204);
    assert_eq!(sim.get_json("/me/drive").await["quota"]["used"], 0);
}

#[tokio::test]
async fn if_match_guards_a_replacement() {
    let sim = Sim::start().await;
    sim.put("/x", b"1".to_vec()).await;
    let tag = sim.get_json("/me/drive/root:/x").await["eTag"]
        .as_str()
        .expect("a tag")
        .to_owned();
    let put = async |tag: &str| {
        let request = sim.graph(Method::PUT, "/me/drive/root:/x:/content");
        request
            .header("If-Match", tag)
            .body("2")
            .send()
            .await
            .expect("an answer")
            .status()
    };

    assert_eq!(put(&tag).await, 200);
    assert_eq!(put(&tag).await, 412);
}

#[tokio::test]
async fn downloads_serve_ranges_without_a_token_until_the_address_is_old() {
    let sim = Sim::start().await;
    sim.put("/x", bytes(1000)).await;
    let url = sim.download_url("/x").await;
    let range = async |range: &str| {
        sim.http
            .get(&url)
            .header("Range", range)
            .send()
            .await
            .expect("an answer")
    };

    let part = range("bytes=10-19").await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 10-19/1000");
    assert_eq!(part.bytes().await.expect("bytes"), bytes(1000)[10..20]);
    assert_eq!(range("bytes=0-").await.status(), 206);
    assert_eq!(range("bytes=1000-").await.status(), 416);
    let with_token = sim
        .http
        .get(&url)
        .bearer_auth(&sim.token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(with_token.status(), 401);

    sim.sim.advance(std::time::Duration::from_secs(3601));
    assert_eq!(range("bytes=0-").await.status(), 403);
}

#[tokio::test]
async fn a_batch_answers_each_request() {
    let sim = Sim::start().await;
    sim.put("/x", b"1".to_vec()).await;
    let requests = json!({"requests": [
        {"id": "1", "method": "DELETE", "url": "/me/drive/root:/x"},
        {"id": "2", "method": "GET", "url": "/me/drive/root:/x"},
        {"id": "3", "method": "POST", "url": "/me/drive/root/children", "body": {"name": "n", "folder": {}}},
    ]});

    let reply = sim
        .graph(Method::POST, "/$batch")
        .json(&requests)
        .send()
        .await
        .expect("an answer");

    let value: Value = reply.json().await.expect("JSON");
    let statuses: Vec<_> = value["responses"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| r["status"].as_u64())
        .collect();
    assert_eq!(statuses, [Some(204), Some(404), Some(201)]);
}

#[tokio::test]
async fn delta_returns_what_changed_since() {
    let sim = Sim::start().await;
    sim.put("/x", b"1".to_vec()).await;
    let first = sim.get_json("/me/drive/root/delta").await;
    assert_eq!(first["value"].as_array().map(Vec::len), Some(2));
    let link = first["@odata.deltaLink"].as_str().expect("a link");
    sim.put("/y", b"1".to_vec()).await;

    let reply = sim
        .http
        .get(link)
        .bearer_auth(&sim.token)
        .send()
        .await
        .expect("an answer");

    let second: Value = reply.json().await.expect("JSON");
    let names: Vec<_> = second["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| &item["name"])
        .collect();
    assert_eq!(names, ["y"]);
}
