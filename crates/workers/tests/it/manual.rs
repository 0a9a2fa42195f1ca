use crate::house::*;
use crate::plant::*;
#[tokio::test(flavor = "multi_thread")]
#[ignore]
async fn manual() {
    let house = House::new();
    let plant = Plant::new(house.root());
    for r in 0..2000 {
        let n = format!("team{}/r{r}", r % 20);
        plant.layer(&n, b"c");
        let d = plant.tagged(&n, &image(b"c", &[]), &["latest"]);
        for t in 0..10 {
            plant.tag(&n, &format!("t{t}"), &d, THEN);
        }
    }
    let t = std::time::Instant::now();
    crate::import::import(&house).await;
    eprintln!("import {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let n = workers::import::needs_import(house.tree.as_ref(), house.meta.as_ref()).await.unwrap();
    eprintln!("{n:?} {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let e = workers::export::run(&house.export(), &workers::Silent, &workers::Shutdown::never())
        .await
        .unwrap();
    eprintln!("{:?} {:?}", e.exported, t.elapsed());
    std::fs::remove_dir_all(house.root().join("docker/registry/v2/repositories")).unwrap();
    crate::import::import(&house).await;
    let t = std::time::Instant::now();
    let e = workers::export::run(&house.export(), &workers::Silent, &workers::Shutdown::never())
        .await
        .unwrap();
    eprintln!("{:?} {:?}", e.exported, t.elapsed());
}
